// The page of a model of tables: a form made from its columns, an answer, what it rests on and what would change it.

import { answerAll } from "/many.js";
import { about, ask, at, explained, made, show, tell } from "/model.js";

const MOST_SELECTED = 30; // names that a list to choose from may have; more are offered while one types
const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const points = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

let fields = []; // of the form: the column and its element
let turn = 0; // counts questions: an answer to an older one is not shown

// --- the form --------------------------------------------------------------------------------------------------------

function build() {
  fields = about.columns.map((column, i) => ({ column, element: control(column, `field-${i}`) }));
  at("fields").replaceChildren(...fields.map(({ column, element }) => {
    const box = made("div");
    const label = made("label", "", column.name);
    label.htmlFor = element.id;
    const hint = made("span", "hint", hinted(column));
    hint.id = `${element.id}-hint`;
    element.setAttribute("aria-describedby", hint.id);
    box.append(label, element, ...(element.offers ? [element.offers] : []), hint);
    return box;
  }));
}

function control(column, id) {
  const few = column.role === "category" && !column.text && column.n_values <= MOST_SELECTED;
  const element = made(few ? "select" : "input");
  element.id = id;
  if (few) {
    element.append(new Option("(not known)", ""), ...column.values.map((value) => new Option(value, value)));
  } else if (column.role === "category") {
    const offers = made("datalist");
    offers.id = `${id}-offers`;
    offers.append(...column.values.map((value) => new Option(value, value)));
    element.setAttribute("list", offers.id);
    element.offers = offers;
    element.autocomplete = "off";
  } else if (column.role === "date") {
    element.type = column.timed ? "datetime-local" : "date";
  } else {
    element.inputMode = "decimal";
    element.autocomplete = "off";
  }
  element.value = column.missing > 0.5 || column.usual === null ? "" : String(column.usual);
  element.addEventListener("input", () => { element.classList.remove("wrong"); element.removeAttribute("aria-invalid"); });
  return element;
}

function hinted(column) {
  if (column.text) return "text, read by its words";
  if (column.role === "category") return column.n_values > MOST_SELECTED ? `${number.format(column.n_values)} names are known` : "";
  if (column.role === "date") return `${column.low} to ${column.high}`;
  return `${number.format(column.low)} to ${number.format(column.high)}`;
}

const row = () => Object.fromEntries(fields.map(({ column, element }) => [column.name, element.value.trim() === "" ? null : element.value.trim()]));

function blame(message) { // the field of the column that a message names
  const found = fields.find(({ column }) => message.toLowerCase().includes(`column '${column.name.toLowerCase()}'`));
  if (!found) return;
  found.element.classList.add("wrong");
  found.element.setAttribute("aria-invalid", "true");
  found.element.focus();
}

// --- one answer ------------------------------------------------------------------------------------------------------

async function answer() {
  const mine = ++turn;
  at("result").hidden = true;
  at("many").hidden = true;
  at("why").hidden = true;
  tell("Waiting for the answer…");
  try {
    const body = new Blob([JSON.stringify(row())], { type: "application/json" });
    const said = await ask("/predict", body);
    if (mine !== turn) return;
    show(said);
    tell("");
    at("answer").focus({ preventScroll: true });
    at("result").scrollIntoView({ block: "nearest" });
    const found = await ask("/explain", body);
    if (mine === turn) reason(found);
  } catch (problem) {
    if (mine !== turn) return;
    tell(explained(problem), true);
    blame(explained(problem));
  }
}

function reason({ of, reasons, changes }) {
  const isNumber = about.target.kind === "number";
  at("of").textContent = !reasons.length ? "No single column decides: whichever is made usual, the answer hardly changes."
    : isNumber ? `How far each cell moves ${of} from what it would be with usual ones.` : `How far each cell moves the probability of ${of} from what it would be with usual ones.`;
  const most = Math.max(...reasons.map(({ change }) => Math.abs(change)));
  at("reasons").replaceChildren(...reasons.map(({ column, cell, change }) => {
    const line = made("li");
    const bar = made("div", "signed");
    const fill = made("span", change < 0 ? "less" : "");
    const width = 50 * Math.abs(change) / most;
    fill.style.width = `${width}%`;
    fill.style.left = `${change < 0 ? 50 - width : 50}%`;
    bar.append(fill);
    line.append(made("span", "label", `${column}: ${cell ?? "not known"}`), made("span", "number", signed(change, isNumber)), bar);
    return line;
  }));
  at("none").textContent = changes.length ? "" : "No usual value of a single column would give another answer.";
  at("none").hidden = changes.length > 0;
  at("changes").replaceChildren(...changes.map(({ column, to, label, probability, value }) => {
    const then = isNumber ? `${of} would be ${number.format(value)}` : `the answer would be ${label} (${percent.format(probability)})`;
    return made("li", "", `With ${column} = ${to ?? "not known"}, ${then}.`);
  }));
  at("why").hidden = false;
}

const signed = (change, isNumber) => `${change < 0 ? "−" : "+"}${isNumber ? number.format(Math.abs(change)) : `${points.format(100 * Math.abs(change))} points`}`;

// --- a file of rows --------------------------------------------------------------------------------------------------

async function answerFile(file) {
  if (!file) return;
  const mine = ++turn;
  try {
    await answerAll(file, /\.json$/i.test(file.name) ? "application/json" : "text/csv", () => mine === turn);
  } catch (problem) {
    if (mine === turn) tell(explained(problem), true);
  }
}

// --- what people do --------------------------------------------------------------------------------------------------

at("row").addEventListener("submit", (event) => { event.preventDefault(); answer(); });
at("clear").addEventListener("click", () => { for (const { element } of fields) element.value = ""; });
at("file").addEventListener("change", ({ target }) => { answerFile(target.files[0]); target.value = ""; });
document.addEventListener("introduced", build);
if (about) build();
