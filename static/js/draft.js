// What is typed into `form[data-draft]` isn't lost: it is kept on the device at once and, where the form says
// `data-draft-sync`, sent to the server when typing pauses. Only what was typed is kept, by facts (a field, or a
// whole table of rows), and each fact leaves the device's copy when the server said that it has it, not before.
// Every page has a copy of its own, which the next page of the same form takes over. Saves have names, and tell
// those of earlier ones that were never answered: the server knows which of them arrived. Without this file each
// button keeps the draft. How long copies stay is in `app.js`, which every page has.
"use strict";

(() => {
  const PREFIX = "taqseem.draft.";
  const PAUSE = 2500;
  const LONGEST_WAIT = 60000;
  const PATIENCE = 15000;
  const MOST_UNANSWERED = 50;
  const LATER = new Set([408, 425, 429]); // refusals that pass
  // Not typed by people, or not to be kept.
  const OWN = new Set(["csrfmiddlewaretoken", "seen", "sent", "draft_id", "owner", "key", "file"]);
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

  const form = document.querySelector("form[data-draft]");
  if (!form) return;
  const owner = document.body.dataset.person;
  const stem = `${PREFIX}${owner}.${form.dataset.draft}#`;
  const mine = `${stem}${fresh()}`;
  const field = (name) => form.elements.namedItem(name);
  const bar = form.querySelector("[data-draft-bar]");
  const status = form.querySelector("[data-draft-status]");
  const newer = form.querySelector("[data-draft-newer]");
  const discard = form.querySelector("[data-draft-discard]");
  const tables = [...form.querySelectorAll("[data-rows]")].map((total) => total.dataset.rows);
  const factOf = (name) => tables.find((table) => name.startsWith(`${table}-`)) ?? name;
  const isSynced = "draftSync" in form.dataset;

  const typed = new Map(); // fact → the count of changes at its last one
  let count = 0;
  let base = JSON.parse(field("seen").value || "{}"); // fact → the server's mark of what we last knew
  let unanswered = []; // names of saves
  let handed = ""; // the name under which all of this was handed in, if nothing was typed since
  let timer = 0;
  let wait = PAUSE;
  let busy = false;
  let halted = false; // a newer version waits for the person's choice, or the server takes no more
  let leaving = false; // the next page may have been asked for before the server had what is on its way there
  let gone = false; // signed out

  // Always there, though unseen at first: what is put into a region that was hidden isn't read out. Nor is it
  // put there again at every key, which would be.
  const tell = (text) => {
    bar.classList.remove("visually-hidden");
    if (status.textContent !== text) status.textContent = text;
  };

  // --- Keeping ---------------------------------------------------------------------------------------
  const store = () => {
    if (gone) return true;
    if (!typed.size) {
      drop(mine);
      delete form.dataset.dirty;
      return true;
    }
    const isTyped = ([name, value]) => !OWN.has(name) && typeof value === "string" && typed.has(factOf(name));
    const copy = {
      at: Date.now(),
      isPrivate: "draftPrivate" in form.dataset,
      key: field("key")?.value,
      facts: [...typed.keys()],
      pairs: [...new FormData(form)].filter(isTyped),
      base,
      unanswered,
      handed,
    };
    try {
      localStorage.setItem(mine, JSON.stringify(copy));
      delete form.dataset.dirty;
      return true;
    } catch {
      form.dataset.dirty = ""; // no room, or not allowed: whoever leaves the page is asked
      return false;
    }
  };
  const keep = (name) => {
    leaving = false;
    handed = "";
    typed.set(factOf(name), ++count);
    const isKept = store();
    if (halted) return;
    if (!isKept) tell(status.dataset.unkept);
    else tell(navigator.onLine ? status.dataset.kept : status.dataset.offline);
    plan(PAUSE);
  };

  // --- Rows ------------------------------------------------------------------------------------------
  const addRow = (table) => {
    const total = form.querySelector(`[data-rows="${table}"]`);
    const template = form.querySelector(`template[data-row-of="${table}"]`);
    const row = template.content.cloneNode(true);
    row.querySelectorAll("*").forEach((element) => {
      ["name", "id", "for", "aria-describedby"].forEach((name) => {
        const value = element.getAttribute(name);
        if (value) element.setAttribute(name, value.replaceAll("__row__", total.value));
      });
    });
    form.querySelector(`[data-rows-of="${table}"]`).append(row);
    total.value = Number(total.value) + 1;
  };
  form.addEventListener("click", (event) => {
    const table = event.target.closest("button[name^='more_']")?.name.slice(5);
    if (!table) return;
    event.preventDefault();
    addRow(table);
    form.querySelector(`[data-rows-of="${table}"] > :last-child :is(input, select)`)?.focus();
    keep(`${table}-total`);
  });

  // --- Restoring -------------------------------------------------------------------------------------
  const put = (element, values) => {
    if (element.type === "checkbox" || element.type === "radio") element.checked = values.includes(element.value);
    else if (element.multiple) [...element.options].forEach((option) => { option.selected = values.includes(option.value); });
    else element.value = values.shift() ?? "";
    if (element.value && element.closest("details")) element.closest("details").open = true;
  };
  const restore = (copy) => {
    const facts = new Set(copy.facts);
    form.querySelectorAll("[data-rows]").forEach((total) => {
      const wanted = Number(copy.pairs.find(([name]) => name === total.name)?.[1] ?? 0);
      while (Number(total.value) < wanted) addRow(total.dataset.rows);
    });
    const values = new Map();
    copy.pairs.forEach(([name, value]) => values.set(name, [...(values.get(name) ?? []), value]));
    [...form.elements].forEach((element) => {
      const { name, type } = element;
      if (!name || OWN.has(name) || !facts.has(factOf(name)) || ["submit", "button"].includes(type)) return;
      if (!element.matches("[data-rows]")) put(element, values.get(name) ?? []);
    });
    facts.forEach((fact) => {
      typed.set(fact, ++count);
      if (copy.base[fact]) base[fact] = copy.base[fact];
    });
    if (copy.key && field("key")) field("key").value = copy.key;
    ({ handed } = copy);
  };

  // --- Sending ---------------------------------------------------------------------------------------
  const plan = (pause) => {
    clearTimeout(timer);
    if (isSynced) timer = setTimeout(send, pause);
  };
  const later = () => {
    tell(status.dataset.offline);
    wait = Math.min(wait * 2, LONGEST_WAIT);
    plan(wait);
  };
  const isJson = (reply) => reply.headers.get("Content-Type")?.startsWith("application/json");
  const isFinal = (code) => code >= 400 && code < 500 && !LATER.has(code);
  // It was submitted or withdrawn elsewhere, or isn't this person's to write any more: asking again is no use.
  const stop = () => {
    halted = true;
    tell(status.dataset.over);
  };
  // A save gets its name, and says what was never answered. The name is kept before anything leaves.
  const label = (put) => {
    const name = fresh();
    put("draft_id", name);
    put("sent", unanswered.join(" "));
    put("seen", JSON.stringify(base));
    unanswered = [...unanswered, name].slice(-MOST_UNANSWERED);
    return name;
  };
  const send = async () => {
    if (!typed.size || busy || halted || gone) return;
    if (!navigator.onLine) return; // `online` comes back to it
    busy = true;
    const upTo = count;
    const body = new FormData(form);
    body.delete("file");
    body.set("owner", owner);
    label((name, value) => body.set(name, value));
    store();
    try {
      const reply = await fetch(form.action || location.href, {
        method: "POST",
        body,
        headers: { "X-Draft": "autosave" },
        redirect: "manual",
        signal: AbortSignal.timeout(PATIENCE),
      });
      if (reply.type === "opaqueredirect" || [401, 403, 404].includes(reply.status)) await renew();
      else if ([200, 409].includes(reply.status) && isJson(reply)) settle(upTo, reply.status, await reply.json());
      else if (isFinal(reply.status)) stop();
      else later();
    } catch {
      later();
    } finally {
      busy = false;
    }
  };
  const settle = (upTo, code, answer) => {
    if (leaving) return; // the next page finds the copy and sends it again
    wait = PAUSE;
    if (code === 409) {
      halted = true;
      newer.dataset.answer = JSON.stringify(answer);
      newer.hidden = false;
      tell("");
      return;
    }
    if (answer.kept.length) unanswered = [];
    // Of facts that the server holds as this page sent them; what it holds otherwise isn't known here.
    Object.assign(base, answer.seen);
    answer.kept.filter((fact) => typed.get(fact) <= upTo).forEach((fact) => typed.delete(fact));
    store();
    if (count > upTo) plan(PAUSE);
    discard.hidden = true;
    tell(typed.size ? `${status.dataset.kept} ${answer.message}` : `${status.dataset.saved} ${answer.at}`);
  };
  // Signed out meanwhile, or signed in anew elsewhere: then the page of the form tells the token of the new session.
  const renew = async () => {
    tell(status.dataset.signedOut);
    const reply = await fetch(location.href, { redirect: "manual", signal: AbortSignal.timeout(PATIENCE) });
    if (isFinal(reply.status)) stop();
    if (reply.status !== 200) return;
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const token = page.querySelector("form[data-draft] [name=csrfmiddlewaretoken]")?.value;
    if (!token || page.body.dataset.person !== owner) return;
    field("csrfmiddlewaretoken").value = token;
    wait = Math.min(wait * 2, LONGEST_WAIT);
    plan(wait);
  };

  // --- The person's choices --------------------------------------------------------------------------
  const choose = (choice) => {
    const { seen, newer: names } = JSON.parse(newer.dataset.answer);
    newer.hidden = true;
    halted = false;
    choice(seen, names);
  };
  document.getElementById("draft-mine")?.addEventListener("click", () => choose((seen, names) => {
    names.forEach((fact) => { base[fact] = seen[fact]; });
    unanswered = [];
    store();
    send();
  }));
  document.getElementById("draft-theirs")?.addEventListener("click", () => choose((seen, names) => {
    names.forEach((fact) => typed.delete(fact)); // what was typed elsewhere on the page stays
    store();
    location.reload();
  }));
  document.getElementById("draft-discard")?.addEventListener("click", () => {
    typed.clear();
    store();
    location.reload();
  });

  // --- When ------------------------------------------------------------------------------------------
  const heed = ({ target }) => {
    if (target.name && !OWN.has(target.name)) keep(target.name);
  };
  form.addEventListener("input", heed);
  form.addEventListener("change", heed);
  window.addEventListener("online", () => plan(0));
  window.addEventListener("focus", () => plan(PAUSE));
  window.addEventListener("beforeunload", () => { leaving = true; });
  // Who signs out leaves nothing behind, here or in another tab.
  document.addEventListener("submit", (event) => {
    if (event.target.action.endsWith("/logout/")) gone = true;
  });
  window.addEventListener("storage", (event) => {
    if (event.key !== "taqseem.left") return;
    gone = true;
    delete form.dataset.dirty;
    location.reload();
  });
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    if (navigator.onLine) {
      handed = label((name, value) => { field(name).value = value; });
      store();
      return;
    }
    event.preventDefault(); // the browser's own page of errors would take this one away
    tell(status.dataset.offline);
  });

  const copies = keys()
    .filter((key) => key.startsWith(stem))
    .map((key) => ({ key, ...read(key) }))
    .sort((one, other) => one.at - other.at);
  if (copies.length) {
    copies.forEach(restore);
    // Of several pages' copies it isn't known whose saves were about what: each fact's own beginning decides.
    if (copies.length === 1) [{ unanswered }] = copies;
    else handed = "";
    if ("draftTold" in form.dataset) {
      base = JSON.parse(field("seen").value); // they see what is newer: who saves again means it
      unanswered = [];
    }
    if (store()) copies.forEach(({ key }) => drop(key));
    discard.hidden = false;
    tell(status.dataset.restored);
    if (!("draftTold" in form.dataset)) plan(0);
  }
})();
