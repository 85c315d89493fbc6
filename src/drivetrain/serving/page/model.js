// What the page of any kind of input needs: questions to the service, answers in words, and how good the model is.
// Nothing is loaded from elsewhere; whatever comes from the service is set as text, never as HTML.

import { explain } from "/terms.js";

const at = (id) => document.getElementById(id);
const percent = new Intl.NumberFormat(undefined, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const SHARES = /accuracy|exact_match|f1|precision|recall|auc|average_precision/;

let about = null;

class Problem extends Error {}

async function ask(path, body) {
  const headers = {};
  const token = sessionStorage.getItem("token");
  if (token) headers.authorization = `Bearer ${token}`;
  if (body) headers["content-type"] = body.type || "application/octet-stream";
  let response;
  try {
    response = await fetch(path, { method: body ? "POST" : "GET", body, headers, credentials: "omit" });
  } catch {
    throw new Problem("The service cannot be reached.");
  }
  if (response.status === 401) {
    at("token").hidden = false;
    at("token-text").focus();
    throw new Problem(token ? "That token is not the right one." : "Give the token first.");
  }
  const said = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(sentence(said.error || `The service answers with ${response.status}.`));
  return said;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
const nouns = () => `${about?.noun ?? "input"}s`;
const listed = (words, joint) => words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${joint} ${words.at(-1)}`;

function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function tell(text, bad = false) {
  at("status").textContent = text;
  at("status").className = bad ? "problem" : "";
}

function explained(problem) {
  return problem instanceof Problem ? problem.message : "Something went wrong on this page.";
}

// --- the answer ------------------------------------------------------------------------------------------------------

function show(answer) {
  const words = inWords(answer);
  at("answer").textContent = words.answer;
  at("sure").textContent = words.sure;
  at("sure").classList.toggle("unsure", words.unsure);
  at("fine").textContent = words.fine;
  at("bars").replaceChildren(...bars(answer));
  at("result").hidden = false;
}

function inWords(answer) {
  if (answer.values) return { answer: numbersInWords(answer), sure: "", unsure: false, fine: intervalsInWords(answer) };
  const calibrated = about?.calibration;
  const fine = calibrated
    ? `Probabilities were calibrated on ${calibrated.n} validation ${nouns()}: of answers given with 80 %, about 8 in 10 are right, on ${nouns()} like those.`
    : "Probabilities are the network's own. They were not calibrated, and are often too high.";
  if (answer.labels) {
    const said = answer.labels.length ? listed(answer.labels, "and") : "None of the labels";
    return { answer: said, sure: answer.abstained ? "Not sure: an answer like this is wrong too often." : "", unsure: answer.abstained, fine };
  }
  const likely = `${answer.label}, ${percent.format(answer.probability)}`;
  const several = answer.set.length > 1;
  if (answer.abstained || several || (!calibrated && answer.probability < 0.5)) {
    const often = calibrated ? ` The right one is among them ${percent.format(calibrated.coverage).replace(/[.,]0/, "")} of the time.` : "";
    const among = !several ? "" : answer.set.length > 6 ? ` It may be any of ${answer.set.length} categories.${often}` : ` It may be ${listed(answer.set, "or")}.${often}`;
    return { answer: "Not sure", sure: `Most likely ${likely}.${among}`, unsure: true, fine };
  }
  return { answer: answer.label, sure: `${percent.format(answer.probability)} sure.`, unsure: false, fine };
}

const numbersInWords = (answer) => Object.entries(answer.values).map(([name, value]) => `${name}: ${number.format(value)}`).join(", ");

function intervalsInWords(answer) {
  const ranges = Object.entries(answer.intervals ?? {}).map(([name, [low, high]]) => `${name} between ${number.format(low)} and ${number.format(high)}`);
  const coverage = about?.calibration?.coverage;
  return ranges.length && coverage ? `In ${percent.format(coverage)} of cases like the validation ${nouns()}: ${ranges.join("; ")}.` : "";
}

function bars(answer) {
  return (answer.top ?? []).map(({ label, probability }, i) => {
    const row = made("li", i === 0 ? "first" : "");
    const bar = made("div", "bar");
    const fill = made("span");
    fill.style.width = `${100 * probability}%`;
    bar.append(fill);
    row.append(made("span", "label", label), made("span", "number", percent.format(probability)), bar);
    return row;
  });
}

// --- the model -------------------------------------------------------------------------------------------------------

async function introduce() {
  about = await ask("/about");
  document.title = `${about.model} · drivetrain`;
  at("name").textContent = about.model;
  at("most").textContent = `, up to ${number.format(about.limits.picture_bytes / 2 ** 20)} MB`;
  at("kept").textContent = about.kept > 0 ? `This service keeps ${percent.format(about.kept)} of the ${nouns()}, to improve the model.` : sentence(`${nouns()} are not kept`);
  at("hash").textContent = `model ${about.sha256.slice(0, 12)}`;
  const { train, valid } = about.n;
  const day = new Date(about.created).toLocaleDateString(undefined, { dateStyle: "long" });
  at("trained").textContent = `It learnt “${about.target.name}” from ${number.format(train ?? 0)} ${nouns()} (${about.architecture}, ${day}). It only knows what it was shown: for anything else its answer means nothing.`;
  const tested = about.test?.length ? about.test : null;
  const shown = tested ?? about.validation;
  at("scores").replaceChildren(...shown.filter(({ value }) => value !== null).map(score));
  const rows = shown[0]?.n ?? valid;
  const fine = !shown.length ? "Its score was not stored."
    : tested ? `On ${number.format(rows)} test ${nouns()} it had never seen${about.test_openings > 1 ? `; the test set was opened ${about.test_openings} times, which flatters` : ""}. In brackets: the 95 % interval.`
    : `On ${number.format(rows)} validation ${nouns()}. The model was chosen by them, so new ${nouns()} may go a little worse. In brackets: the 95 % interval.`;
  explain(at("scores-fine"), fine);
  at("shadow").textContent = about.shadow ? `A second model, ${about.shadow.model} (${about.shadow.sha256.slice(0, 12)}), is asked beside this one to see where the two disagree. What you read here is always this one's answer.` : "";
  at("shadow").hidden = !about.shadow;
  const { kind, answers } = about.target;
  at("answers-title").textContent = kind === "number" ? `It says ${answers.length === 1 ? "a number" : `${answers.length} numbers`}` : `The ${answers.length} answers it can give`;
  at("answers").replaceChildren(...answers.map((text) => made("li", "", text)));
  at("about").hidden = false;
  document.dispatchEvent(new Event("introduced")); // a page that is made from what the model says of its input
}

function score({ metric, value, low, high }) {
  const share = SHARES.test(metric) && value >= 0 && value <= 1;
  const say = (x) => share ? percent.format(x) : number.format(x);
  const row = made("div", "score");
  const range = low === null || high === null ? "" : ` [${say(low)}, ${say(high)}]`;
  const name = made("span");
  row.append(name, made("strong", "", `${say(value)}${range}`));
  explain(name, metric.replaceAll("_", " "));
  if (share && range) {
    const track = made("div", "range");
    const band = made("span", "band");
    const dot = made("span", "dot");
    band.style.left = `${100 * low}%`;
    band.style.width = `${100 * (high - low)}%`;
    dot.style.left = `${100 * value}%`;
    track.append(band, dot);
    row.append(track);
  }
  return row;
}

function start() {
  introduce().catch((problem) => tell(explained(problem), true));
}

at("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", at("token-text").value.trim());
  at("token").hidden = true;
  tell("");
  start();
});

start();

export { Problem, about, ask, at, explained, made, show, tell };
