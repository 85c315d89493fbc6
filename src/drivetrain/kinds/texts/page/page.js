// The page of a model of texts: a text in, an answer out, and the words of it that the answer rests on.

import { answerAll } from "/many.js";
import { showWhatMattered } from "/mattered.js";
import { Problem, about, ask, at, explained, made, show, tell } from "/model.js";

const STRONGEST = 8; // words that are listed
const MOST_STRENGTH = 70; // per cent of the colour behind the word that matters most
const FAINTEST = 0.08; // of the largest change: a word that does less is not marked
const ALIKE = 0.5; // from this agreement on, marks are called the same as those of a model that has learnt nothing
const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const points = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const two = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

let body = null; // of the text that the answer on the page is about
let turn = 0; // counts questions: an answer to an older one is not shown

// --- one answer ------------------------------------------------------------------------------------------------------

async function answer(asked) {
  const mine = ++turn;
  body = asked;
  at("result").hidden = true;
  at("many").hidden = true;
  forget();
  tell("Waiting for the answer…");
  try {
    if (about && asked.size > about.limits.picture_bytes) throw new Problem("This text is too long for the service.");
    if (!asked.size) throw new Problem("There is no text yet.");
    const said = await ask("/predict", asked);
    if (mine !== turn) return;
    show(said);
    tell("");
    at("answer").focus({ preventScroll: true });
    at("result").scrollIntoView({ block: "nearest" });
  } catch (problem) {
    if (mine === turn) tell(explained(problem), true);
  }
}

const written = () => new Blob([at("text").value.trim()], { type: "text/plain" });

// --- a file ----------------------------------------------------------------------------------------------------------

const TABLES = [[/\.jsonl?$/i, "application/json"], [/\.csv$/i, "text/csv"], [/\.tsv$/i, "text/tab-separated-values"]];

async function answerFile(file) {
  if (!file) return;
  const [, type] = TABLES.find(([named]) => named.test(file.name)) ?? [];
  if (!type) {
    at("text").value = "";
    at("text").placeholder = file.name;
    await answer(file.slice(0, file.size, "text/plain"));
    return;
  }
  const mine = ++turn;
  try {
    await answerAll(file, type, () => mine === turn);
  } catch (problem) {
    if (mine === turn) tell(explained(problem), true);
  }
}

// --- what mattered ---------------------------------------------------------------------------------------------------

const forget = showWhatMattered({
  during: "Leaving out words, one after another…",
  sent: () => body,
  draw: mark,
  clear() { at("marks").hidden = true; },
  names: ["Mark the words that mattered", "Hide the words that mattered"],
});

function mark({ of, text, words, least, asked: left, different, agreement }) {
  const isNumber = about.target.kind === "number";
  const most = Math.max(0, ...words.map(({ change }) => Math.abs(change)));
  const what = isNumber ? of : `the probability of ${of}`;
  const some = left < different ? ` Of ${number.format(different)} different words the ${number.format(left)} in the passages that matter most were left out.` : "";
  const letters = Array.from(text); // places count in letters, and an emoji is one
  const pieces = [];
  let end = 0;
  for (const word of words) {
    pieces.push(letters.slice(end, word.start).join(""), marked(letters.slice(word.start, word.end).join(""), word.change, most < least ? 0 : most, least, isNumber));
    end = word.end;
  }
  at("marked").replaceChildren(...pieces, letters.slice(end).join(""));
  at("strongest").replaceChildren(...(most < least ? [] : strongest(words, letters, most, least, isNumber)));
  at("checked").textContent = checked(agreement);
  at("marks").hidden = false;
  return most < least ? `No single word decides: whichever is left out, the answer hardly changes.${some}`
    : `How far ${what} falls without a word: green words speak for it, dotted ones against it.${some}`;
}

function marked(word, change, most, least, isNumber) {
  if (!most || Math.abs(change) < Math.max(least, FAINTEST * most)) return word;
  const element = made("mark", change > 0 ? "for" : "against", word);
  element.style.setProperty("--much", MOST_STRENGTH * Math.abs(change) / most);
  element.title = signed(change, isNumber);
  return element;
}

function strongest(words, letters, most, least, isNumber) {
  const once = new Map();
  for (const { start, end, change } of words) {
    const word = letters.slice(start, end).join("");
    if (Math.abs(change) >= least && !once.has(word.toLowerCase())) once.set(word.toLowerCase(), { word, change });
  }
  const sorted = [...once.values()].sort((a, b) => Math.abs(b.change) - Math.abs(a.change)).slice(0, STRONGEST);
  return sorted.map(({ word, change }) => {
    const line = made("li");
    const bar = made("div", "signed");
    const fill = made("span", change < 0 ? "less" : "");
    const width = 50 * Math.abs(change) / most;
    fill.style.width = `${width}%`;
    fill.style.left = `${change < 0 ? 50 - width : 50}%`;
    bar.append(fill);
    const label = made("span", "label", word);
    label.dir = "auto";
    line.append(label, made("span", "number", signed(change, isNumber)), bar);
    return line;
  });
}

const signed = (change, isNumber) => `${change < 0 ? "−" : "+"}${isNumber ? number.format(Math.abs(change)) : `${points.format(100 * Math.abs(change))} points`}`;

function checked(agreement) {
  if (agreement === null) return "";
  const said = `Checked: copies of the model whose numbers were shuffled were asked the same; their marks agree with these by ${two.format(agreement)} (rank correlation; 1: the same, 0: nothing in common)`;
  return agreement >= ALIKE ? `${said}. That is much, so these marks show the text rather than what the model has learnt.` : `${said}. So the marks depend on what the model has learnt.`;
}

// --- what people do --------------------------------------------------------------------------------------------------

at("question").addEventListener("submit", (event) => { event.preventDefault(); answer(written()); });
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); answer(written()); }
});
at("clear").addEventListener("click", () => { at("text").value = ""; at("text").focus(); });
at("file").addEventListener("change", ({ target }) => { answerFile(target.files[0]); target.value = ""; });
function introduce() {
  const { columns } = about;
  at("columns").textContent = columns?.length ? ` with a column ${columns.join(", ")}` : "";
}
document.addEventListener("introduced", introduce);
if (about) introduce();
