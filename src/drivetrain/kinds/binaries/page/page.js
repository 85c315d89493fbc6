// The page of a model of files: one file out, one answer in, and which stretches of it the answer rests on.

import { showWhatMattered } from "/mattered.js";
import { Problem, about, ask, at, explained, show, tell } from "/model.js";

const ROW = 128; // bytes in a row of the drawing
const ROWS = 128; // of the drawing, at most: rows of a longer file are taken evenly

let file = null; // that the answer on the page is about
let turn = 0; // counts files: an answer to an older one is not shown

// --- the file --------------------------------------------------------------------------------------------------------

async function look(chosen) {
  if (!chosen) return;
  const mine = ++turn;
  file = chosen;
  at("ask").classList.add("small");
  at("ask-title").textContent = "Another file?";
  at("result").hidden = true;
  forget();
  tell("Reading the file…");
  try {
    if (about && chosen.size > about.limits.picture_bytes) throw new Problem("This file is too large for the service.");
    if (!chosen.size) throw new Problem("This file is empty.");
    const answer = await ask("/predict", untyped(chosen));
    const rows = await rowsOf(chosen);
    if (mine !== turn) return;
    draw(rows, null);
    show(answer);
    tell("");
    at("answer").focus({ preventScroll: true });
    at("result").scrollIntoView({ block: "nearest" });
  } catch (problem) {
    if (mine === turn) tell(explained(problem), true);
  }
}

// Whatever the file says that it is, the service is given bytes.
const untyped = (chosen) => chosen.slice(0, chosen.size, "application/octet-stream");

async function rowsOf(chosen) {
  const all = Math.ceil(chosen.size / ROW);
  const n = Math.min(ROWS, all);
  const starts = Array.from({ length: n }, (_, i) => ROW * Math.round(i * (all - 1) / Math.max(1, n - 1)));
  return Promise.all(starts.map(async (start) => ({ start, bytes: new Uint8Array(await chosen.slice(start, start + ROW).arrayBuffer()) })));
}

function draw(rows, stretches) {
  const canvas = at("bytes");
  canvas.width = ROW;
  canvas.height = rows.length;
  const most = stretches ? Math.max(...stretches.map(({ change }) => change)) : 0;
  const pixels = new ImageData(ROW, rows.length);
  rows.forEach(({ start, bytes }, y) => bytes.forEach((value, x) => {
    const place = 4 * (y * ROW + x);
    const stretch = stretches?.find(({ end }) => start + x < end);
    const light = stretches ? 0.25 + 0.75 * Math.max(0, stretch?.change ?? 0) / most : 1;
    const printed = value > 31 && value < 127;
    pixels.data.set([value * light, value * light, Math.min(255, printed ? 90 + value : value) * light, 255], place);
  }));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  canvas.style.width = "min(100%, 24rem)";
  canvas.style.height = "auto";
  canvas.style.imageRendering = "pixelated";
}

// --- what mattered ---------------------------------------------------------------------------------------------------

const forget = showWhatMattered({
  during: "Zeroing parts of the file, one after another…",
  nothing: "No single stretch decides: whichever is zeroed, the answer hardly changes.",
  sent: () => untyped(file),
  changes: ({ stretches }) => stretches.map(({ change }) => change),
  async draw({ stretches }, isCurrent) {
    const rows = await rowsOf(file);
    if (isCurrent()) draw(rows, stretches);
    const best = stretches.reduce((a, b) => (b.change > a.change ? b : a));
    return `The answer rests most on bytes ${hex(best.start)} to ${hex(best.end - 1)} (bright).`;
  },
  async clear() {
    const shown = file;
    const rows = await rowsOf(shown);
    if (shown === file && at("explain").getAttribute("aria-pressed") === "false") draw(rows, null);
  },
});

const hex = (n) => `0x${n.toString(16)}`;

// --- what people do --------------------------------------------------------------------------------------------------

at("file").addEventListener("change", ({ target }) => { look(target.files[0]); target.value = ""; });
for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(event, (happened) => {
    happened.preventDefault();
    at("ask").classList.toggle("over", over);
    if (event === "drop") look(happened.dataTransfer.files[0]);
  });
}
