// Small conveniences. Every page works without this file.
"use strict";

// Theme: switch at once; the form's POST is what a browser without scripts does.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-theme-form]") || !event.submitter) return;
  event.preventDefault();
  const theme = event.submitter.value;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.querySelectorAll("[data-theme-form] button").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.value === theme));
  });
});

// Double submit: a form that was sent waits for its answer. `data-guard="off"` for downloads.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.dataset.guard === "off") return;
  if (form.getAttribute("aria-busy") === "true") event.preventDefault();
  form.setAttribute("aria-busy", "true");
  delete form.dataset.dirty;
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[aria-busy]").forEach((form) => form.removeAttribute("aria-busy"));
});

// Drafts on this device are their writer's alone: others who sign in here find none. Their writer, signed out for
// being idle, has a weekend to come back to them; to what is confidential (`data-draft-private`), an hour.
const DRAFT = "taqseem.draft.";
const HOUR = 3600 * 1000;
const WEEKEND = 72 * HOUR;
const MONTH = 30 * 24 * HOUR;
const dropDrafts = (unwanted) => {
  try {
    Object.keys(localStorage).filter((key) => key.startsWith(DRAFT) && unwanted(key)).forEach((key) => localStorage.removeItem(key));
  } catch { /* nothing was kept either */ }
};
const copyOf = (key) => {
  try { return JSON.parse(localStorage.getItem(key)) ?? {}; } catch { return {}; }
};
const { person } = document.body.dataset;
const sweepDrafts = () => dropDrafts((key) => {
  const { at, isPrivate } = copyOf(key);
  const life = person ? MONTH : isPrivate ? HOUR : WEEKEND;
  return !(Date.now() - at < life) || !key.startsWith(`${DRAFT}${person && `${person}.`}`);
});
if (person !== undefined) sweepDrafts();
if (person === "") setInterval(sweepDrafts, 60000); // the page of signing in stays open on a shared machine
// The server says which form it took last.
const taken = document.cookie.match(/(?:^|; )draft_kept=([^;]+)/)?.[1];
if (taken) dropDrafts((key) => copyOf(key).handed === taken);
// Pages say what is over: a form by the beginning of its name, or all of a kind but those still open.
const isWithin = (name, place) => name === place || name.startsWith(`${place}/`);
document.querySelectorAll("[data-draft-done]").forEach(({ dataset: { draftDone, draftBut = "" } }) => {
  const open = draftBut.split(" ").filter(Boolean).map((code) => `${draftDone}/${code}`);
  dropDrafts((key) => {
    const [name] = key.slice(`${DRAFT}${person}.`.length).split("#");
    return isWithin(name, draftDone) && !open.some((place) => isWithin(name, place));
  });
});
document.addEventListener("submit", (event) => {
  if (!event.target.action.endsWith("/logout/")) return;
  dropDrafts(() => true);
  try { localStorage.setItem("taqseem.left", Date.now()); } catch { /* other tabs learn it from the server */ }
});

// Unsaved changes: `data-unsaved` on a form asks before its page is left.
document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form && "unsaved" in form.dataset) form.dataset.dirty = "";
});
window.addEventListener("beforeunload", (event) => {
  if (document.querySelector("form[data-dirty]")) event.preventDefault();
});

// Dropdowns close on Escape, on a click elsewhere and when the focus leaves them.
const closeDropdowns = (except) => {
  document.querySelectorAll("details[data-dropdown][open]").forEach((details) => {
    if (!except || !details.contains(except)) details.open = false;
  });
};
document.addEventListener("click", (event) => closeDropdowns(event.target));
document.addEventListener("focusin", (event) => closeDropdowns(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const details = document.querySelector("details[data-dropdown][open]");
  if (!details) return;
  details.open = false;
  details.querySelector("summary").focus();
});

// The summary of a form's errors takes the focus, after a load and after htmx drew it.
const focusErrors = (root) => root.querySelector("[data-focus]")?.focus();
document.addEventListener("DOMContentLoaded", () => focusErrors(document));
document.addEventListener("htmx:afterSwap", (event) => focusErrors(event.target));

// A request that htmx could not finish is said aloud rather than swallowed.
document.addEventListener("htmx:sendError", () => {
  const region = document.getElementById("messages");
  if (region) region.textContent = region.dataset.offline ?? "";
});
