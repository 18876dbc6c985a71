// Drafts survive lost connections. What is typed into `form[data-draft]` is kept on the device at once and, where the
// form says `data-draft-sync`, sent to the server when typing pauses. Nothing leaves the device's copy before the
// server said that it has it. Without this file each button keeps the draft.
"use strict";

(() => {
  const PREFIX = "taqseem.draft.";
  const OLD = 30 * 24 * 3600 * 1000;
  const PAUSE = 2500;
  const LONGEST_WAIT = 60000;
  const PATIENCE = 15000;
  // Not typed by people, or not to be kept.
  const OWN = new Set(["csrfmiddlewaretoken", "seen", "draft_id", "tab", "turn", "key", "file"]);
  const fresh = () => `${Date.now()}-${Math.random().toString(36).slice(2)}`;

  const read = (key) => {
    try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
  };
  const drop = (key) => {
    try { localStorage.removeItem(key); } catch { /* nothing was kept either */ }
  };
  const keys = () => {
    try { return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)); } catch { return []; }
  };

  // What has arrived at the server goes, and what was handed in, and what nobody came back to.
  const arrived = document.cookie.match(/(?:^|; )draft_kept=([^;]+)/)?.[1];
  const done = document.querySelector("[data-draft-done]")?.dataset.draftDone;
  keys().forEach((key) => {
    const entry = read(key);
    const over = !entry || entry.id === arrived || Date.now() - entry.at > OLD;
    if (over || (done && key.includes(`.${done}/`))) drop(key);
  });

  const form = document.querySelector("form[data-draft]");
  if (!form) return;
  const key = `${PREFIX}${form.dataset.draftOwner}.${form.dataset.draft}`;
  const bar = form.querySelector("[data-draft-bar]");
  const status = form.querySelector("[data-draft-status]");
  const newer = form.querySelector("[data-draft-newer]");
  const field = (name) => form.elements.namedItem(name);
  let timer = 0;
  let wait = PAUSE;
  let busy = false;
  let halted = false; // a newer version waits for the person's choice
  let leaving = false; // the next page may have been asked for before the server had what is on its way there

  const tell = (text) => {
    bar.hidden = false;
    status.textContent = text;
  };

  // --- Rows ----------------------------------------------------------------------------------------
  const addRow = (prefix) => {
    const total = form.querySelector(`[data-rows="${prefix}"]`);
    const template = form.querySelector(`template[data-row-of="${prefix}"]`);
    const row = template.content.cloneNode(true);
    row.querySelectorAll("*").forEach((element) => {
      ["name", "id", "for", "aria-describedby"].forEach((name) => {
        const value = element.getAttribute(name);
        if (value) element.setAttribute(name, value.replaceAll("__row__", total.value));
      });
    });
    form.querySelector(`[data-rows-of="${prefix}"]`).append(row);
    total.value = Number(total.value) + 1;
  };
  form.addEventListener("click", (event) => {
    const prefix = event.target.closest("button[name^='more_']")?.name.slice(5);
    if (!prefix) return;
    event.preventDefault();
    addRow(prefix);
    form.querySelector(`[data-rows-of="${prefix}"] > :last-child :is(input, select)`)?.focus();
    keep();
  });

  // --- Keeping and restoring -------------------------------------------------------------------------
  const typed = () => {
    const pairs = [...new FormData(form)].filter(([name, value]) => !OWN.has(name) && typeof value === "string");
    return pairs;
  };
  const keep = () => {
    leaving = false;
    const entry = {
      id: fresh(),
      tab: field("tab").value,
      base: read(key)?.base ?? field("seen")?.value ?? "",
      at: Date.now(),
      pairs: typed(),
    };
    try {
      localStorage.setItem(key, JSON.stringify(entry));
    } catch {
      return; // no room, or not allowed: the buttons still keep the draft
    }
    if (halted) return;
    tell(navigator.onLine ? status.dataset.kept : status.dataset.offline);
    plan(PAUSE);
  };
  const restore = (pairs) => {
    form.querySelectorAll("[data-rows]").forEach((total) => {
      const wanted = Number(pairs.find(([name]) => name === total.name)?.[1] ?? 0);
      while (Number(total.value) < wanted) addRow(total.dataset.rows);
    });
    const left = new Map();
    pairs.forEach(([name, value]) => left.set(name, [...(left.get(name) ?? []), value]));
    [...form.elements].forEach((element) => {
      if (!element.name || OWN.has(element.name) || element.type === "submit" || element.type === "button") return;
      const values = left.get(element.name) ?? [];
      if (element.matches("[data-rows]")) return;
      if (element.type === "checkbox" || element.type === "radio") element.checked = values.includes(element.value);
      else if (values.length) element.value = values.shift();
      if (element.value && element.closest("details")) element.closest("details").open = true;
    });
  };

  // --- Sending ---------------------------------------------------------------------------------------
  const plan = (pause) => {
    clearTimeout(timer);
    if ("draftSync" in form.dataset) timer = setTimeout(send, pause);
  };
  const later = () => {
    tell(status.dataset.offline);
    wait = Math.min(wait * 2, LONGEST_WAIT);
    plan(wait);
  };
  const send = async (force = false) => {
    const entry = read(key);
    if (!entry || busy || (halted && !force)) return;
    if (!navigator.onLine) return; // `online` comes back to it
    busy = true;
    const body = new FormData(form);
    body.delete("file");
    body.set("seen", entry.base);
    body.set("turn", entry.at);
    if (force) body.set("force", "1");
    try {
      const reply = await fetch(form.action || location.href, {
        method: "POST",
        body,
        headers: { "X-Draft": "autosave" },
        redirect: "manual",
        signal: AbortSignal.timeout(PATIENCE),
      });
      busy = false;
      if (reply.type === "opaqueredirect" || reply.status === 403) tell(status.dataset.signedOut);
      else if (reply.status === 200 || reply.status === 409) settle(entry, reply.status, await reply.json());
      else later();
    } catch {
      busy = false;
      later();
    }
  };
  const settle = (entry, code, answer) => {
    if (leaving) return; // the next page finds the copy and sends it again
    wait = PAUSE;
    if (code === 409) {
      halted = true;
      newer.dataset.seen = answer.seen ?? "";
      newer.hidden = bar.hidden = false;
      status.textContent = "";
      return;
    }
    field("seen").value = answer.seen;
    const now = read(key);
    const unchanged = now?.id === entry.id;
    if (unchanged && answer.saved) drop(key);
    else if (now) localStorage.setItem(key, JSON.stringify({ ...now, base: answer.seen }));
    if (!unchanged) plan(PAUSE);
    tell(answer.saved ? `${status.dataset.saved} ${answer.at}` : `${status.dataset.kept} ${answer.message}`);
  };

  document.getElementById("draft-mine")?.addEventListener("click", () => {
    newer.hidden = true;
    halted = false;
    send(true);
  });
  document.getElementById("draft-theirs")?.addEventListener("click", () => {
    drop(key);
    location.reload();
  });

  // --- When ------------------------------------------------------------------------------------------
  form.addEventListener("input", keep);
  form.addEventListener("change", keep);
  window.addEventListener("online", () => plan(0));
  window.addEventListener("beforeunload", () => { leaving = true; });
  form.addEventListener("submit", (event) => {
    keep();
    clearTimeout(timer);
    if (navigator.onLine) {
      field("draft_id").value = read(key)?.id ?? "";
      field("turn").value = read(key)?.at ?? "";
      return;
    }
    event.preventDefault(); // the browser's own page of errors would take this one away
    tell(status.dataset.offline);
  });

  const entry = read(key);
  field("tab").value = entry?.tab ?? fresh(); // who goes on with a draft is its writer still
  if (entry) {
    restore(entry.pairs);
    tell(status.dataset.restored);
    plan(0);
  }
})();
