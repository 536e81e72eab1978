// The review queue: one item at a time, the next ones already here, answers sent in the background.
"use strict";

(() => {
  const root = document.getElementById("review");
  if (!root) return;
  const data = root.dataset;
  const words = JSON.parse(data.words);
  const AHEAD = 10, LOW = 5, REMEMBERED = 50;
  const byId = (id) => document.getElementById(id);
  const parts = { item: byId("item"), answer: byId("answer"), none: byId("none"), told: byId("told"), note: byId("note") };
  const classes = JSON.parse(data.classes);
  let items = []; // items[0] is the one in view
  let answered = []; // the last answers, for undo
  let shownAt = 0, loading = false, dry = false, today = Number(byId("today").textContent);

  const outbox = new Outbox(`limbeck-review-${data.user}`, data.token, {
    change(count, problem) {
      const line = byId("saving");
      line.dataset.count = count;
      line.classList.toggle("waiting", count > 1 || problem !== "");
      line.querySelector("[data-text]").textContent =
        problem ? words[problem] : count > 1 ? words.unsaved.replace("%(count)d", count) : words.saved;
    },
    refused(entry, line) {
      tell(line);
      const one = answered.find((told) => told.key === entry.body.key);
      if (one && !one.undone) {
        answered = answered.filter((told) => told !== one);
        items.unshift(one.item);
        if (entry.body.note) openNote(entry.body.note);
        count(entry.body.skipped ? 0 : -1);
        show();
      }
    },
    late() { tell(words.late); },
  });

  function tell(line) {
    parts.told.textContent = line || "";
    parts.told.classList.toggle("d-none", !line);
  }

  function count(change) {
    today += change;
    byId("today").textContent = today;
  }

  function show() {
    const item = items[0];
    parts.item.classList.toggle("d-none", !item);
    parts.none.classList.toggle("d-none", Boolean(item) || !dry);
    parts.answer.replaceChildren();
    document.querySelectorAll("#classes .btn").forEach((button) => {
      button.classList.toggle("proposed", Boolean(item) && button.dataset.label === item.accept);
    });
    document.querySelector("[data-act=accept]").disabled = !item || !item.accept;
    root.dataset.shown = item ? item.id : "";
    if (!item) return;
    parts.item.innerHTML = item.html; // made by the server, which escapes what comes from outside
    if (item.answer) parts.answer.append(drawn(item.answer));
    else if (item.blind) parts.answer.textContent = words.blind;
    parts.item.scrollTop = 0;
    shownAt = performance.now();
  }

  function element(tag, text, css) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (css) made.className = css;
    return made;
  }

  function percent(share) {
    if (share === null || share === undefined) return "";
    if (share > 0 && share < 0.001) return "< 0.1 %";
    return share > 0.999 && share < 1 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`;
  }

  function drawn(answer) {
    const all = document.createDocumentFragment();
    const head = element("div", undefined, "review-answer");
    head.append(element("span", answer.label, "answer-label"), element("span", percent(answer.probability), "num"));
    const shares = element("ul", undefined, "review-shares");
    answer.shares.forEach(([name, share]) => {
      const line = element("li");
      const bar = element("progress", undefined, name === answer.label ? "" : "other");
      bar.max = 1;
      bar.value = share;
      bar.setAttribute("aria-label", name);
      line.append(element("span", name), bar, element("span", percent(share), "num"));
      shares.append(line);
    });
    all.append(head, shares);
    const told = answer.others.map(([model, label]) => `${model}: ${label}`);
    if (answer.given) told.push(`${words.given}: ${answer.given}`);
    if (told.length) all.append(element("p", told.join(" · "), "text-secondary small mt-2 mb-0"));
    return all;
  }

  async function load() {
    if (loading) return;
    loading = true;
    const have = [...items.map((item) => item.id), ...outbox.all().map((entry) => entry.body.item).filter(Boolean)];
    try {
      const asked = { model: data.model, order: data.order, count: AHEAD, have: have.slice(0, 100) };
      const response = await post(data.next, asked, data.token);
      if (response.redirected || !response.ok) throw new Error(String(response.status));
      const found = await response.json();
      if (found.classes.join("\n") !== classes.join("\n")) { location.reload(); return; } // another version was published
      const here = new Set(items.map((item) => item.id));
      const was = items.length;
      const fresh = found.items.filter((item) => !here.has(item.id));
      items.push(...fresh);
      dry = found.items.length === 0;
      if (!was) show();
      fresh.filter((item) => item.marks).forEach(addMarks);
    } catch {
      outbox.told.change(outbox.all().length, "trying");
      setTimeout(load, 3000);
    } finally {
      loading = false;
    }
  }

  async function addMarks(item) {
    try {
      const response = await fetch(data.marks.replace("/0/", `/${item.id}/`));
      if (!response.ok || response.redirected) return;
      item.html = await response.text();
      if (items[0] === item) parts.item.innerHTML = item.html;
    } catch { /* the item is shown without marks */ }
  }

  function decide(label, skipped) {
    const item = items[0];
    if (!item || (!skipped && !label)) return;
    const key = crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`;
    const seconds = (performance.now() - shownAt) / 1000;
    const body = { item: item.id, key, label: skipped ? "" : label, skipped, note: parts.note.value.trim(), seconds };
    answered = [...answered, { key, item, skipped }].slice(-REMEMBERED);
    items.shift();
    tell("");
    closeNote();
    show();
    if (!skipped) count(1);
    outbox.add(data.answer, body);
    if (items.length < LOW) load();
  }

  function undo() {
    const last = answered.pop();
    if (!last) { tell(words.nothing); return; }
    last.undone = true;
    if (!outbox.remove(last.key)) outbox.add(data.undo, { key: last.key });
    items.unshift(last.item);
    if (!last.skipped) count(-1);
    tell("");
    show();
  }

  function openNote(text) {
    byId("note-box").classList.remove("d-none");
    document.querySelector("[data-act=note]").setAttribute("aria-expanded", "true");
    if (text) parts.note.value = text;
    parts.note.focus();
  }

  function closeNote() {
    parts.note.value = "";
    parts.note.blur();
    byId("note-box").classList.add("d-none");
    document.querySelector("[data-act=note]").setAttribute("aria-expanded", "false");
  }

  // How it is shown: kept in this browser.
  const MEDIA = ["show", "blur", "grey", "hide"];
  const view = Object.assign({ marks: true, large: false, model: true, media: "show" }, stored());

  function stored() {
    try { return JSON.parse(localStorage.getItem("limbeck-review-view") || "{}"); } catch { return {}; }
  }

  function apply() {
    root.classList.toggle("no-marks", !view.marks);
    root.classList.toggle("no-model", !view.model);
    root.classList.toggle("large", view.large);
    MEDIA.forEach((name) => root.classList.toggle(`media-${name}`, view.media === name));
    ["marks", "large", "model"].forEach((name) => {
      document.querySelector(`[data-act=${name}]`).setAttribute("aria-pressed", String(view[name]));
      document.querySelector(`[data-act=${name}]`).classList.toggle("active", view[name]);
    });
    document.querySelectorAll("[name=media]").forEach((one) => { one.checked = one.value === view.media; });
    localStorage.setItem("limbeck-review-view", JSON.stringify(view));
  }

  const acts = {
    accept: () => decide(items[0] && items[0].accept, false),
    skip: () => decide("", true),
    note: () => openNote(),
    undo,
    marks: () => { view.marks = !view.marks; apply(); },
    large: () => { view.large = !view.large; apply(); },
    model: () => { view.model = !view.model; apply(); },
    media: () => { view.media = MEDIA[(MEDIA.indexOf(view.media) + 1) % MEDIA.length]; apply(); },
  };
  // Letters for the left hand, the number block for the right one.
  const KEYS = {
    " ": "accept", Enter: "accept", s: "skip", ".": "skip", e: "note", "+": "note", z: "undo", "-": "undo",
    w: "marks", t: "large", a: "model", x: "media",
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.activeElement === parts.note) { parts.note.blur(); return; }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { acts.accept(); event.preventDefault(); return; }
    if (event.ctrlKey && event.key === "z" && document.activeElement !== parts.note) { undo(); event.preventDefault(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const field = event.target.closest("input, textarea, select");
    if (field && !(field.type === "radio" && /^[0-9a-z]$/i.test(event.key))) return;
    const pressed = event.target.closest("button, a");
    if (pressed && (event.key === "Enter" || event.key === " ")) return; // the button's own
    if (/^[1-9]$/.test(event.key)) {
      const label = classes[Number(event.key) - 1];
      if (label !== undefined) { decide(label, false); event.preventDefault(); }
      return;
    }
    if (event.key === "0" && byId("more")) { byId("more").focus(); event.preventDefault(); return; }
    const name = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (name) { event.preventDefault(); acts[name](); }
  });

  root.addEventListener("click", (event) => {
    const label = event.target.closest("[data-label]");
    if (label) { decide(label.dataset.label, false); label.blur(); return; }
    const act = event.target.closest("[data-act]");
    if (act) { acts[act.dataset.act](); if (act.dataset.act !== "note") act.blur(); }
    if (event.target.closest("#again")) { dry = false; load(); }
  });
  root.addEventListener("change", (event) => {
    if (event.target.name === "media") { view.media = event.target.value; apply(); event.target.blur(); }
    if (event.target.id === "more" && event.target.value) {
      decide(event.target.value, false);
      event.target.value = "";
      event.target.blur();
    }
  });
  window.addEventListener("online", () => outbox.flush());
  // Items that were fetched in advance go back to the queue when the page closes.
  window.addEventListener("pagehide", () => {
    const numbers = items.map((item) => item.id);
    if (numbers.length) post(data.release, { items: numbers }, data.token).catch(() => {});
  });

  apply();
  outbox.flush();
  load();
})();
