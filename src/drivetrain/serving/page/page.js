// The page: one picture out, one answer in. Nothing is loaded from elsewhere; whatever comes from the service is set as
// text, never as HTML.

const at = (id) => document.getElementById(id);
const percent = new Intl.NumberFormat(undefined, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const SHARES = /accuracy|exact_match|f1|precision|recall|auc|average_precision/;
const LEAST_CHANGE = 0.05; // of a probability: below it, no part of the picture counts as one that mattered

let about = null;
let picture = null; // the file that the answer on the page is about
let turn = 0; // counts pictures: an answer to an older one is not shown

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

// --- the picture -----------------------------------------------------------------------------------------------------

async function look(file) {
  if (!file) return;
  const mine = ++turn;
  picture = file;
  at("ask").classList.add("small");
  at("ask-title").textContent = "Another picture?";
  at("result").hidden = true;
  hideMap();
  tell("Looking at the picture…");
  try {
    if (about && file.size > about.limits.picture_bytes) throw new Problem("This picture is too large for the service.");
    const answer = await ask("/predict", file);
    if (mine !== turn) return;
    await show(file, answer);
    tell("");
    at("answer").focus({ preventScroll: true });
    at("result").scrollIntoView({ block: "nearest" });
  } catch (problem) {
    if (mine === turn) tell(problem instanceof Problem ? problem.message : "Something went wrong on this page.", true);
  }
}

async function show(file, answer) {
  const image = at("picture");
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  await image.decode().catch(() => {});
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
    ? `Probabilities were calibrated on ${calibrated.n} validation pictures: of answers given with 80 %, about 8 in 10 are right, on pictures like those.`
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
  return ranges.length && coverage ? `In ${percent.format(coverage)} of cases like the validation pictures: ${ranges.join("; ")}.` : "";
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

// --- what mattered ---------------------------------------------------------------------------------------------------

function hideMap() {
  at("map").hidden = true;
  at("where").textContent = "";
  at("explain").setAttribute("aria-pressed", "false");
  at("explain").textContent = "Show what mattered";
}

async function explain() {
  if (!at("map").hidden) return hideMap();
  const mine = turn;
  const button = at("explain");
  button.disabled = true;
  at("where").textContent = "Covering parts of the picture, one after another…";
  try {
    const found = await ask("/explain", picture);
    if (mine !== turn) return;
    const change = found.change.flat();
    if (Math.max(...change) < LEAST_CHANGE) {
      at("where").textContent = "No single part decides: whichever is covered, the answer hardly changes.";
      return;
    }
    draw(found);
    button.setAttribute("aria-pressed", "true");
    button.textContent = "Hide what mattered";
    at("where").textContent = `The answer rests most on the ${place(found)} (bright). ${seesAll(found.square) ? "The model looks at all of the picture." : "The model looks only at what is inside the dashed line."}`;
  } catch (problem) {
    if (mine === turn) at("where").textContent = problem instanceof Problem ? problem.message : "Something went wrong on this page.";
  } finally {
    button.disabled = false;
  }
}

function draw({ change, square }) {
  const image = at("picture");
  const map = at("map");
  const scale = 640 / Math.max(image.naturalWidth, image.naturalHeight);
  map.width = Math.max(1, Math.round(image.naturalWidth * scale));
  map.height = Math.max(1, Math.round(image.naturalHeight * scale));
  const most = Math.max(...change.flat());
  const small = made("canvas");
  small.width = change[0].length;
  small.height = change.length;
  const cells = new ImageData(small.width, small.height);
  change.flat().forEach((value, i) => { cells.data[4 * i + 3] = Math.round(255 * Math.max(0, value / most)); });
  small.getContext("2d").putImageData(cells, 0, 0);
  const pen = map.getContext("2d");
  pen.fillStyle = "rgba(10, 14, 18, 0.78)";
  pen.fillRect(0, 0, map.width, map.height);
  pen.globalCompositeOperation = "destination-out"; // light falls through where it mattered
  pen.imageSmoothingEnabled = true;
  pen.imageSmoothingQuality = "high";
  const seen = [square.left * map.width, square.top * map.height, square.width * map.width, square.height * map.height];
  pen.drawImage(small, ...seen);
  pen.globalCompositeOperation = "source-over";
  pen.strokeStyle = "rgba(255, 255, 255, 0.45)";
  pen.setLineDash([6, 5]);
  pen.strokeRect(...seen);
  map.hidden = false;
}

function seesAll({ left, top, width, height }) {
  const almost = 1e-6;
  return left < almost && top < almost && left + width > 1 - almost && top + height > 1 - almost;
}

function place({ change, square }) {
  const within = (cell, cells, start, length) => { // of the part of the picture that the model sees, not of its padding
    const [from, to] = [Math.max(0, start), Math.min(1, start + length)];
    return Math.min(1, Math.max(0, (start + (cell + 0.5) / cells * length - from) / (to - from)));
  };
  let sum = 0, down = 0, across = 0;
  change.forEach((row, y) => row.forEach((value, x) => {
    const weight = Math.max(0, value) ** 2;
    sum += weight;
    down += weight * within(y, change.length, square.top, square.height);
    across += weight * within(x, row.length, square.left, square.width);
  }));
  const third = (share, names) => names[Math.min(2, Math.floor(3 * share / sum))];
  const vertical = third(down, ["upper", "", "lower"]);
  const horizontal = third(across, ["left", "", "right"]);
  if (!vertical && !horizontal) return "middle";
  return !horizontal ? `${vertical} middle` : !vertical ? `${horizontal} middle` : `${vertical} ${horizontal}`;
}

// --- the model -------------------------------------------------------------------------------------------------------

async function introduce() {
  about = await ask("/about");
  document.title = `${about.model} · drivetrain`;
  at("name").textContent = about.model;
  at("most").textContent = `, up to ${number.format(about.limits.picture_bytes / 2 ** 20)} MB`;
  at("kept").textContent = about.kept > 0 ? `This service keeps ${percent.format(about.kept)} of the pictures, to improve the model.` : "Pictures are not kept.";
  at("hash").textContent = `model ${about.sha256.slice(0, 12)}`;
  const { train, valid } = about.n;
  const day = new Date(about.created).toLocaleDateString(undefined, { dateStyle: "long" });
  at("trained").textContent = `It learnt “${about.target.name}” from ${number.format(train ?? 0)} pictures (${about.architecture}, ${day}). It only knows what it was shown: for anything else its answer means nothing.`;
  const tested = about.test?.length ? about.test : null;
  const shown = tested ?? about.validation;
  at("scores").replaceChildren(...shown.filter(({ value }) => value !== null).map(score));
  const rows = shown[0]?.n ?? valid;
  at("scores-fine").textContent = !shown.length ? "Its score was not stored."
    : tested ? `On ${number.format(rows)} test pictures it had never seen${about.test_openings > 1 ? `; the test set was opened ${about.test_openings} times, which flatters` : ""}. The band is a 95 % interval.`
    : `On ${number.format(rows)} validation pictures. The model was chosen by them, so new pictures may go a little worse. The band is a 95 % interval.`;
  const { kind, answers } = about.target;
  at("answers-title").textContent = kind === "number" ? `It says ${answers.length === 1 ? "a number" : `${answers.length} numbers`}` : `The ${answers.length} answers it can give`;
  at("answers").replaceChildren(...answers.map((text) => made("li", "", text)));
  at("about").hidden = false;
}

function score({ metric, value, low, high }) {
  const share = SHARES.test(metric) && value >= 0 && value <= 1;
  const say = (x) => share ? percent.format(x) : number.format(x);
  const row = made("div", "score");
  const range = low === null || high === null ? "" : ` [${say(low)}, ${say(high)}]`;
  row.append(made("span", "", metric.replaceAll("_", " ")), made("strong", "", `${say(value)}${range}`));
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

// --- what people do --------------------------------------------------------------------------------------------------

for (const id of ["file", "camera"]) {
  at(id).addEventListener("change", ({ target }) => { look(target.files[0]); target.value = ""; });
}
at("explain").addEventListener("click", explain);
document.addEventListener("paste", ({ clipboardData }) => look([...clipboardData.files].find(({ type }) => type.startsWith("image/"))));
for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(event, (happened) => {
    happened.preventDefault();
    at("ask").classList.toggle("over", over);
    if (event === "drop") look(happened.dataTransfer.files[0]);
  });
}
at("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", at("token-text").value.trim());
  at("token").hidden = true;
  tell("");
  start();
});

function start() {
  introduce().catch((problem) => tell(problem instanceof Problem ? problem.message : "Something went wrong on this page.", true));
}

start();
