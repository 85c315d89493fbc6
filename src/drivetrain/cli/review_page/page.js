// Everything that is shown comes in through textContent: names and labels are never read as HTML.
import { explain } from "./terms.js";

const by = (id) => document.getElementById(id);
const make = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const percent = (share) => (share === null ? "" : ` ${Math.round(100 * share)} %`);

let board = null; // what the server told: rows, lists, categories
let decisions = {}; // row → {action, label}, as the file has it
let list = null; // the list that is shown
let current = 0; // which of its panels the keys act on

const panels = () => [...document.querySelectorAll("article")];
const row = (panel) => board.rows[panel.dataset.row];
const word = (part) => (typeof part === "number" ? String(Number(part.toPrecision(4))) : String(part)); // as reports do
const words = (label) => (Array.isArray(label) ? label.map(word).join(", ") || "(none)" : word(label));
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function complain(message) {
  by("failure").textContent = message;
  by("failure").hidden = !message;
}

async function decide(panel, action, label = null) {
  const id = Number(panel.dataset.row);
  try {
    const answer = await fetch("decide", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ row: id, action, label }),
    });
    const said = await answer.json();
    if (answer.status === 422) return complain(`Not saved: ${said.error}`); // what was typed, and nothing else, is wrong
    if (!answer.ok) throw new Error(said.error);
    decisions = said.decisions;
    complain("");
  } catch (error) {
    complain(`Not saved: ${error.message}. Is drivetrain review still running? Start it again, and open the address that it prints.`);
    return;
  }
  panels().forEach(refresh);
  progress();
  const at = panels().indexOf(panel);
  const next = panels().findIndex((other, i) => i > at && !decisions[other.dataset.row]);
  if (next >= 0) go(next);
}

function progress() {
  const shown = new Set(board.lists.flatMap((one) => one.items.flatMap((item) => item.rows)));
  const done = [...shown].filter((id) => decisions[id]).length;
  by("progress").textContent = `${done} of ${shown.size} decided`;
  board.lists.forEach((one, i) => {
    const ids = new Set(one.items.flatMap((item) => item.rows));
    const left = [...ids].filter((id) => !decisions[id]).length;
    by("tabs").children[i].textContent = `${one.title} (${ids.size ? `${left} left of ${ids.size}` : "none"})`;
  });
}

function go(index, focus = true) {
  const all = panels();
  if (!all.length) return;
  current = Math.max(0, Math.min(index, all.length - 1));
  all.forEach((panel, i) => panel.classList.toggle("current", i === current));
  if (focus) {
    all[current].focus({ preventScroll: true });
    all[current].scrollIntoView({ block: "nearest" });
  }
}

function line(what, label, share) {
  return make("span", {}, make("i", { textContent: what }),
    make("b", { textContent: words(label) }, make("em", { textContent: percent(share) })));
}

function pictureOf(one, id) {
  const picture = make("img", { src: `picture/${id}`, alt: `labelled ${words(one.label)}`, loading: "lazy", decoding: "async" });
  picture.addEventListener("load", () => picture.classList.toggle("tiny", Math.max(picture.naturalWidth, picture.naturalHeight) <= 64));
  return make("button", { type: "button", className: "shot", ariaLabel: `Show ${one.name} larger` }, picture);
}

function panelOf(id, suggestion) {
  const one = board.rows[id];
  const shot = one.text === null ? pictureOf(one, id) : make("p", { className: "text", dir: "auto", textContent: one.text, tabIndex: 0 });
  const said = make("p", { className: "said" }, line("labelled", one.label, one.of_label));
  if (one.said !== null) said.append(line(one.judge, one.said, one.of_said));
  const button = (action, text, key) =>
    make("button", { type: "button", textContent: text, title: `${text} (${key})`, ariaKeyShortcuts: key });
  const keep = button("keep", "Keep", "K");
  const relabel = button("relabel", suggestion === null ? "Relabel…" : `Relabel: ${words(suggestion)}`, "R");
  const other = button("other", "Other label…", "L");
  // a decision is about a content: of a file that is there several times, no copy can be removed alone
  const remove = button("remove", one.copies > 1 ? `Remove all ${one.copies}` : "Remove", "X");
  const panel = make("article", { tabIndex: 0, ariaLabel: `${one.name}, ${one.part}, labelled ${words(one.label)}` },
    shot, ...(board.plays ? [make("audio", { src: `sound/${id}`, controls: true, preload: "none" })] : []), said, make("p", { className: "name", textContent: `${one.name} · ${one.part}`, title: one.path }),
    ...(one.copies > 1 ? [make("p", { className: "name", textContent: `this very file is there ${one.copies} times` })] : []),
    make("p", { className: "done" }),
    make("div", { className: "buttons" }, keep, relabel, ...(suggestion === null ? [] : [other]), remove));
  panel.dataset.row = id;
  panel.suggestion = suggestion;
  panel.choices = { keep, relabel, other, remove };
  keep.addEventListener("click", () => decide(panel, "keep"));
  relabel.addEventListener("click", () => (suggestion === null ? pick(panel) : decide(panel, "relabel", suggestion)));
  other.addEventListener("click", () => pick(panel));
  remove.addEventListener("click", () => decide(panel, "remove"));
  if (one.text === null) shot.addEventListener("click", () => zoom(panel));
  panel.addEventListener("focusin", () => go(panels().indexOf(panel), false));
  refresh(panel);
  return panel;
}

function refresh(panel) {
  const made = decisions[panel.dataset.row];
  const { keep, relabel, other, remove } = panel.choices;
  const suggested = made?.action === "relabel" && (panel.suggestion === null || same(made.label, panel.suggestion));
  panel.classList.toggle("decided", Boolean(made));
  panel.classList.toggle("removed", made?.action === "remove");
  keep.ariaPressed = String(made?.action === "keep");
  relabel.ariaPressed = String(suggested);
  other.ariaPressed = String(made?.action === "relabel" && !suggested);
  remove.ariaPressed = String(made?.action === "remove");
  panel.querySelector(".done").textContent = !made ? ""
    : made.action === "keep" ? "kept as it is"
    : made.action === "remove" ? "removed" : `relabelled: ${words(made.label)}`;
}

function show(index) {
  list = board.lists[index];
  [...by("tabs").children].forEach((tab, i) => tab.setAttribute("aria-selected", String(i === index)));
  explain(by("why"), list.why);
  by("items").replaceChildren(...list.items.map((item) =>
    make("li", { className: item.rows.length > 1 ? "pair" : "" }, ...item.rows.map((id) => panelOf(id, item.suggestion)))));
  by("empty").textContent = "Nothing here.";
  by("empty").hidden = list.items.length > 0;
  location.replace(`#${list.key}`);
  go(Math.max(0, panels().findIndex((panel) => !decisions[panel.dataset.row])), false);
  if (current > 0) panels()[current].scrollIntoView({ block: "nearest" });
}

function zoom(panel) {
  const one = row(panel);
  if (one.text !== null) {
    panel.querySelector(".text").classList.toggle("whole");
    return;
  }
  by("zoom-picture").src = `picture/${panel.dataset.row}`;
  by("zoom-picture").alt = `labelled ${words(one.label)}`;
  by("zoom-name").textContent = `${one.name} · ${words(one.label)}`;
  by("zoom").showModal();
}

let picking = null; // the panel whose right label is being chosen
const chosen = () => by("picker-list").querySelector('[aria-selected="true"]');

function pick(panel) {
  picking = panel;
  const one = row(panel);
  by("picker-about").textContent = `${one.name}, labelled ${words(one.label)}`;
  by("picker-input").value = board.kind === "category" ? "" : Array.isArray(one.label) ? one.label.join(", ") : "";
  by("picker-label").textContent = { category: "Category", categories: "Labels, with commas between them", number: `Numbers: ${board.names.join(", ")}` }[board.kind];
  options();
  by("picker").showModal();
  by("picker-input").focus();
  by("picker-input").select();
}

function options() {
  const wanted = by("picker-input").value.trim().toLowerCase();
  const found = board.kind === "category" ? board.vocab.filter((name) => name.toLowerCase().includes(wanted)) : [];
  by("picker-list").hidden = !found.length;
  by("picker-list").replaceChildren(...found.map((name, i) => {
    const option = make("li", { textContent: name, role: "option", id: `option-${i}` });
    option.setAttribute("aria-selected", String(i === 0));
    option.addEventListener("click", () => { select(option); save(); });
    return option;
  }));
  by("picker-save").disabled = board.kind === "category" && !found.length;
}

function select(option) {
  chosen()?.setAttribute("aria-selected", "false");
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  by("picker-input").setAttribute("aria-activedescendant", option.id);
}

function save() {
  const typed = by("picker-input").value.split(",").map((part) => part.trim()).filter(Boolean);
  const label = board.kind === "category" ? chosen()?.textContent : board.kind === "number"
    ? typed.map((part) => (Number.isFinite(Number(part)) ? Number(part) : part)) : typed;
  if (label === undefined) return;
  by("picker").close();
  decide(picking, "relabel", label);
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || by("picker").open || by("zoom").open) return;
  const panel = panels()[current];
  if (!panel) return;
  const { keep, relabel, remove } = panel.choices;
  const action = {
    ArrowRight: () => go(current + 1), ArrowLeft: () => go(current - 1), j: () => go(current + 1),
    k: () => keep.click(), r: () => relabel.click(), l: () => pick(panel), x: () => remove.click(), z: () => zoom(panel),
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (action && !(event.target.role === "tab" && event.key.startsWith("Arrow"))) {  // those go from tab to tab
    event.preventDefault();
    action();
  }
}

async function start() {
  const answer = await fetch("items");
  if (!answer.ok) return complain("This page is not valid any more: open the address that drivetrain review printed.");
  board = await answer.json();
  decisions = board.decisions;
  document.title = `Review: ${board.title}`;
  by("about").textContent = `${board.title} · ${board.source}`;
  by("apply").replaceChildren(`Saved as you decide, in ${board.file}. Apply it: `, make("code", { textContent: board.apply }));
  by("notes").replaceChildren(...board.notes.map((note) => make("p", { textContent: note })));
  by("tabs").replaceChildren(...board.lists.map((one, i) => {
    const tab = make("button", { type: "button", role: "tab" });
    tab.addEventListener("click", () => show(i));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) by("tabs").children[(i + step + board.lists.length) % board.lists.length].focus();
    });
    return tab;
  }));
  const asked = board.lists.findIndex((one) => `#${one.key}` === location.hash);
  const filled = board.lists.findIndex((one) => one.items.length);
  show(Math.max(0, asked >= 0 ? asked : filled));
  progress();
}

by("picker-input").addEventListener("input", options);
by("picker-input").addEventListener("keydown", (event) => {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (step && chosen()?.[step]) { event.preventDefault(); select(chosen()[step]); }
});
by("picker").querySelector("form").addEventListener("submit", (event) => { event.preventDefault(); save(); });
by("picker-cancel").addEventListener("click", () => by("picker").close());
by("zoom-close").addEventListener("click", () => by("zoom").close());
document.addEventListener("keydown", keys);
start();
