// Small behaviours that plain HTML lacks. Every page works without them.
"use strict";

// A form with data-confirm asks first, in the page's own dialog.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = form.dataset.confirm;
  if (!question || form.dataset.confirmed) return;
  event.preventDefault();
  const dialog = document.getElementById("confirm");
  dialog.querySelector("[data-question]").textContent = question;
  const button = dialog.querySelector("[value=yes]");
  button.textContent = form.dataset.confirmLabel || button.dataset.label;
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "yes") return;
    form.dataset.confirmed = "1";
    form.requestSubmit();
  }, { once: true });
  dialog.returnValue = "";
  dialog.showModal();
}, true);

// A form is sent once, however often its button is clicked.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.hasAttribute("hx-post") || event.target.method === "dialog") return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  if (event.target.method === "post") event.target.dataset.sent = "1";
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  if (event.target.matches(".dropzone input[type=file]")) showFiles(event.target);
});

// Ctrl+Enter in a text sends its form.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea[data-submit-keys]")) {
    event.target.form.requestSubmit();
  }
});

document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const field = document.getElementById(copy.dataset.copy);
    field.select();
    if (navigator.clipboard) navigator.clipboard.writeText(field.value);
    copy.querySelector("[data-label]").textContent = copy.dataset.copied;
  }
  const example = event.target.closest("[data-fill]");
  if (example) {
    const field = document.getElementById(example.dataset.fill);
    field.value = example.textContent.trim();
    field.focus();
  }
});

// Files can be dropped on their control; the names, and a small picture, show what was taken.
function showFiles(input) {
  const zone = input.closest(".dropzone");
  const list = zone.querySelector("[data-files]");
  const files = [...input.files];
  list.textContent = files.length > 3
    ? `${files.slice(0, 3).map((file) => file.name).join(", ")} + ${files.length - 3}`
    : files.map((file) => file.name).join(", ");
  zone.classList.toggle("has-files", files.length > 0);
  const preview = zone.querySelector("img[data-preview]");
  if (preview) {
    preview.hidden = !(files.length && files[0].type.startsWith("image/"));
    if (!preview.hidden) preview.src = URL.createObjectURL(files[0]);
  }
}
["dragenter", "dragover", "dragleave", "drop"].forEach((name) => document.addEventListener(name, (event) => {
  const zone = event.target.closest ? event.target.closest(".dropzone") : null;
  if (!zone) return;
  event.preventDefault();
  zone.classList.toggle("over", name === "dragenter" || name === "dragover");
  if (name === "drop" && event.dataTransfer.files.length) {
    const input = zone.querySelector("input[type=file]");
    input.files = event.dataTransfer.files;
    showFiles(input);
  }
}));

// What a job or a list brings in is told to screen readers by its live region; focus stays where it is.
document.addEventListener("htmx:responseError", () => document.body.classList.add("offline"));
document.addEventListener("htmx:sendError", () => document.body.classList.add("offline"));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) document.body.classList.remove("offline");
});
