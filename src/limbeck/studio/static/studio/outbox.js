// Answers on their way to the server. They lie in localStorage until the server has stored them, so that nothing is lost
// when the page closes or the line breaks; each has a key of its own, so that sending one twice stores it once.
"use strict";

class Outbox {
  // told: { change(count, problem), refused(entry, line), late(entry) }
  constructor(name, token, told) {
    this.name = name;
    this.token = token;
    this.told = told;
    this.sending = null;
    this.wait = 1000;
    this.problem = "";
  }

  // Read anew each time: other tabs of the same person change it too.
  all() {
    try {
      const found = JSON.parse(localStorage.getItem(this.name) || "[]");
      return Array.isArray(found) ? found : [];
    } catch {
      return [];
    }
  }

  keep(entries) {
    localStorage.setItem(this.name, JSON.stringify(entries));
    this.told.change(entries.length, this.problem);
  }

  add(url, body) {
    this.keep([...this.all(), { url, body }]);
    this.flush();
  }

  // Take an answer back that has not been sent; false where it may be stored already.
  remove(key) {
    if (this.sending === key) return false;
    const entries = this.all();
    const left = entries.filter((one) => one.body.key !== key);
    if (left.length === entries.length) return false;
    this.keep(left);
    return true;
  }

  async flush() {
    if (this.sending) return;
    const entry = this.all()[0];
    if (!entry) { this.told.change(0, ""); return; }
    this.sending = entry.body.key || "?";
    let done = false;
    try {
      done = await this.send(entry);
    } finally {
      this.sending = null;
    }
    if (done) {
      this.wait = 1000;
      this.problem = "";
      this.keep(this.all().filter((one) => !(one.url === entry.url && one.body.key === entry.body.key)));
      this.flush();
    } else {
      this.told.change(this.all().length, this.problem);
      setTimeout(() => this.flush(), this.wait);
      this.wait = Math.min(2 * this.wait, 30000);
    }
  }

  // True where the server has stored the answer, or will never do so.
  async send(entry) {
    let response;
    try {
      response = await post(entry.url, entry.body, this.token);
    } catch {
      this.problem = "trying";
      return false;
    }
    if (response.redirected || !(response.headers.get("Content-Type") || "").includes("json")) {
      this.problem = response.status >= 500 ? "trying" : "signin";
      return false;
    }
    const answer = await response.json();
    if (response.status === 400 || response.status === 409) {
      this.told.refused(entry, answer.detail);
      return true;
    }
    if (!response.ok) { this.problem = "trying"; return false; }
    if (answer.late) this.told.late(entry);
    return true;
  }
}

function post(url, body, token) {
  return fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(body),
    credentials: "same-origin",
    keepalive: true,
  });
}
