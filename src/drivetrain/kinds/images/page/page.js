// The page of a model of pictures: one picture out, one answer in, and what it rests on.

import { showWhatMattered } from "/mattered.js";
import { Problem, about, ask, at, explained, made, show, tell } from "/model.js";

let picture = null; // the file that the answer on the page is about
let turn = 0; // counts pictures: an answer to an older one is not shown

// --- the picture -----------------------------------------------------------------------------------------------------

async function look(file) {
  if (!file) return;
  const mine = ++turn;
  picture = file;
  at("ask").classList.add("small");
  at("ask-title").textContent = "Another picture?";
  at("result").hidden = true;
  forget();
  tell("Looking at the picture…");
  try {
    if (about && file.size > about.limits.picture_bytes) throw new Problem("This picture is too large for the service.");
    const answer = await ask("/predict", file);
    if (mine !== turn) return;
    await see(file);
    show(answer);
    tell("");
    at("answer").focus({ preventScroll: true });
    at("result").scrollIntoView({ block: "nearest" });
  } catch (problem) {
    if (mine === turn) tell(explained(problem), true);
  }
}

async function see(file) {
  const image = at("picture");
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  await image.decode().catch(() => {});
}

// --- what mattered ---------------------------------------------------------------------------------------------------

const forget = showWhatMattered({
  during: "Covering parts of the picture, one after another…",
  nothing: "No single part decides: whichever is covered, the answer hardly changes.",
  sent: () => picture,
  changes: ({ change }) => change.flat(),
  draw(found) {
    draw(found);
    return `The answer rests most on the ${place(found)} (bright). ${seesAll(found.square) ? "The model looks at all of the picture." : "The model looks only at what is inside the dashed line."}`;
  },
  clear() { at("map").hidden = true; },
});

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

// --- what people do --------------------------------------------------------------------------------------------------

for (const id of ["file", "camera"]) {
  at(id).addEventListener("change", ({ target }) => { look(target.files[0]); target.value = ""; });
}
document.addEventListener("paste", ({ clipboardData }) => look([...clipboardData.files].find(({ type }) => type.startsWith("image/"))));
for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(event, (happened) => {
    happened.preventDefault();
    at("ask").classList.toggle("over", over);
    if (event === "drop") look(happened.dataTransfer.files[0]);
  });
}
