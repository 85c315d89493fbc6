// A file of many inputs: answered together, the first ones listed, all of them to be kept as a table.

import { ask, at, made, tell } from "/model.js";

const MOST_SHOWN = 100; // whose answers are shown
const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

// `isCurrent` says whether the answer is still waited for; what goes wrong is thrown.
async function answerAll(file, type, isCurrent) {
  at("result").hidden = true;
  at("many").hidden = true;
  tell(`Answering the rows of ${file.name}…`);
  const said = await ask("/predict", file.slice(0, file.size, type));
  if (!isCurrent()) return;
  list(Array.isArray(said) ? said : [{ row: 1, ...said }], file.name);
  tell("");
  at("many-title").focus({ preventScroll: true });
  at("many").scrollIntoView({ block: "nearest" });
}

function list(answers, name) {
  const failed = answers.filter(({ error }) => error).length;
  at("many-title").textContent = `${number.format(answers.length)} ${answers.length === 1 ? "row" : "rows"} of ${name}${failed ? `, ${number.format(failed)} of them cannot be read` : ""}`;
  at("many-caption").textContent = answers.length > MOST_SHOWN ? `The first ${MOST_SHOWN}; the file below has all.` : "";
  const table = answers.map(cells);
  at("many-head").replaceChildren(line("th", ["row", "answer", "how sure"]));
  at("many-rows").replaceChildren(...table.slice(0, MOST_SHOWN).map((each) => line("td", each)));
  const text = [["row", "answer", "probability or interval"], ...table].map((each) => each.map(quoted).join(",")).join("\n");
  URL.revokeObjectURL(at("download").href);
  at("download").href = URL.createObjectURL(new Blob([text + "\n"], { type: "text/csv" }));
  at("many").hidden = false;
}

function cells({ row, error, values, intervals, labels, label, probability, abstained }) {
  if (error) return [row, error, ""];
  if (values) {
    const [name] = Object.keys(values);
    const range = intervals?.[name];
    return [row, Object.entries(values).map(([each, value]) => `${each}: ${number.format(value)}`).join("; "), range ? `${number.format(range[0])} to ${number.format(range[1])}` : ""];
  }
  if (labels) return [row, labels.join("; ") || "none of the labels", abstained ? "not sure" : ""];
  return [row, label, `${percent.format(probability)}${abstained ? ", not sure" : ""}`];
}

function line(tag, words) {
  const found = made("tr");
  found.append(...words.map((word) => made(tag, "", String(word))));
  return found;
}

// Text that a spreadsheet would take for a formula gets an apostrophe in front.
const quoted = (word) => `"${String(word).replace(/^[=+@\t\r]|^-(?!\d)/, "'$&").replaceAll('"', '""')}"`;

export { answerAll };
