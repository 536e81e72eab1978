// Asks the server by its plain door, POST /predict, and shows the answers. Text from data is only ever set as text.
"use strict";
const place = (id) => document.getElementById(id);
const words = document.body.dataset;
let kinds = new Map(); // model -> what its rows are called

async function ask(path, body) {
  const headers = place("key").value ? { "X-API-Key": place("key").value } : {};
  if (typeof body === "string") headers["Content-Type"] = "application/json";
  const found = await fetch(path, { method: body === undefined ? "GET" : "POST", headers, body });
  if (found.status === 401) place("key-line").hidden = false;
  const told = await found.json();
  if (!found.ok) throw new Error(told.error);
  return told;
}

function made(name, text, kind) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (kind) node.className = kind;
  return node;
}

async function models() {
  try {
    const names = [...new Set((await ask("/v2/repository/index")).map((row) => row.name))];
    const chosen = place("model").value;
    place("model").replaceChildren(...names.map((name) => made("option", name)));
    if (names.includes(chosen)) place("model").value = chosen;
    kinds = new Map();
    for (const name of names) {
      const told = await ask(`/v2/models/${encodeURIComponent(name)}`);
      kinds.set(name, [told.parameters.many, told.versions[0], told.parameters.boxes]);
    }
    shown();
    place("told").textContent = "";
  } catch (error) {
    place("told").textContent = `${words.failed} ${error.message}`;
  }
}

function shown() {
  const [many, version] = kinds.get(place("model").value) || ["", ""];
  place("version").textContent = version;
  for (const part of document.querySelectorAll("[data-many]")) part.hidden = part.dataset.many !== many;
}

function request(many) {
  const model = place("model").value;
  const asked = { model, explain: place("explain").checked && !kinds.get(model)[2] };
  if (many === "pictures") {
    const form = new FormData();
    for (const [name, value] of Object.entries(asked)) form.append(name, String(value));
    for (const file of place("pictures").files) form.append("file", file);
    return [form, [...place("pictures").files].map((file) => file.name)];
  }
  const given = place(many).value;
  const rows = many === "texts" ? given.split("\n").filter((line) => line.trim()) : JSON.parse(given);
  return [JSON.stringify({ ...asked, [many]: rows }), rows.map((row, at) => (many === "texts" ? row : String(at)))];
}

// A text with the spans that drove its answer underlined. Places are counted in code points.
function explained(name, parts) {
  const cell = made("td");
  const spans = (parts || []).filter((part) => part.kind === "span").sort((a, b) => a.where[0] - b.where[0]);
  const letters = [...name];
  let at = 0;
  for (const { where: [start, end], weight } of spans) {
    if (start < at) continue;
    cell.append(letters.slice(at, start).join(""));
    const mark = made("mark", letters.slice(start, end).join(""), weight > 0 ? "for" : "against");
    mark.title = `${weight > 0 ? words.for : words.against} ${weight.toFixed(2)}`;
    cell.append(mark);
    at = end;
  }
  cell.append(letters.slice(at).join(""));
  return cell;
}

// A picture of which boxes are told: how many of each class, then each box.
function boxes(row, name, told) {
  const found = told.boxes || [];
  const counts = new Map();
  for (const { label } of found) counts.set(label, (counts.get(label) || 0) + 1);
  const summary = [...counts].map(([label, count]) => `${count} × ${label}`).join(", ");
  const places = found.map((box) => `${box.label} ${(100 * box.score).toFixed(1)} % [${[box.x0, box.y0, box.x1, box.y1].map(Math.round).join(", ")}]`);
  row.append(made("td", name), made("td", summary || "–"), made("td"), made("td", told.error || places.join("; ")));
  return row;
}

function line(name, told) {
  const row = made("tr");
  if (told.boxes !== undefined) return boxes(row, name, told);
  row.append(explained(name, told.explanation), made("td", told.label ?? "–"));
  const cell = made("td");
  if (told.probability !== null) {
    const meter = made("meter");
    meter.value = told.probability;
    cell.append(meter, ` ${(100 * told.probability).toFixed(1)} %`);
  }
  const others = (told.explanation || []).filter((part) => part.kind !== "span");
  const why = told.error || others.map((part) => `${JSON.stringify(part.where)} ${part.weight.toFixed(2)}`).join("; ");
  row.append(cell, made("td", why));
  return row;
}

place("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const [many] = kinds.get(place("model").value);
    const [body, names] = request(many);
    const { predictions } = await ask("/predict", body);
    place("answers").tBodies[0].replaceChildren(...predictions.map((told, at) => line(names[at], told)));
    place("answers").hidden = false;
    place("told").textContent = "";
  } catch (error) {
    place("told").textContent = `${words.failed} ${error.message}`;
  }
});
place("model").addEventListener("change", shown);
place("key").addEventListener("change", models);
models();
