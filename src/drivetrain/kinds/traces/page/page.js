// The page of a model of traces: a field to move over, one answer, and what each movement says of it.

import { showWhatMattered } from "/mattered.js";
import { Problem, about, ask, at, explained, show, tell } from "/model.js";

const MOST = 20000; // points that are kept
const field = at("field");
let points = [];
let sent = null; // what the answer on the page is about
let turn = 0; // an answer to an older trace is not shown

// --- the field -------------------------------------------------------------------------------------------------------

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function fit(canvas, share) {
  const width = canvas.clientWidth || 320;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(width * share * ratio);
  return ratio;
}

function record(event, what) {
  const edge = field.getBoundingClientRect();
  for (const one of what === "move" && event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) {
    if (points.length >= MOST) break;
    points.push({ t_ms: one.timeStamp, x: one.clientX - edge.left, y: one.clientY - edge.top, event: what, pressure: one.pressure });
  }
  redraw();
}

function redraw() {
  const pen = field.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, field.width, field.height);
  const ratio = field.width / (field.clientWidth || 1);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.strokeStyle = pen.fillStyle = colour("--accent");
  pen.lineWidth = 2;
  pen.beginPath();
  points.forEach(({ x, y, event }, i) => (i && event !== "touchstart" ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
  for (const { x, y, event } of points) {
    if (event === "move" || event === "release") continue;
    pen.beginPath();
    pen.arc(x, y, 4, 0, 7);
    pen.fill();
  }
  const seconds = points.length ? (points.at(-1).t_ms - points[0].t_ms) / 1000 : 0;
  const clicks = points.filter(({ event }) => event === "click" || event === "touchstart").length;
  at("recorded").textContent = points.length
    ? `${points.length} points in ${seconds.toFixed(1)} s, ${clicks} ${clicks === 1 ? "click or touch" : "clicks or touches"}.`
    : "Move with the mouse, or draw with a finger or a pen. Click where you like.";
  at("send").disabled = points.length < 8;
}

function start() {
  points = [];
  fit(field, 0.55);
  redraw();
}

field.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse" || event.buttons) record(event, "move"); });
field.addEventListener("pointerdown", (event) => { field.setPointerCapture(event.pointerId); record(event, event.pointerType === "mouse" ? "click" : "touchstart"); });
field.addEventListener("pointerup", (event) => record(event, "release"));
at("clear").addEventListener("click", start);
window.addEventListener("resize", () => { fit(field, 0.55); redraw(); });

// --- the answer ------------------------------------------------------------------------------------------------------

async function look(body) {
  if (!body) return;
  const mine = ++turn;
  at("result").hidden = true;
  forget();
  tell("Reading the movements…");
  try {
    if (about && body.size > about.limits.picture_bytes) throw new Problem("This file is too large for the service.");
    const answer = await ask("/predict", body);
    if (mine !== turn) return;
    sent = body;
    show(answer);
    at("said").hidden = false;
    tell("");
    at("answer").focus({ preventScroll: true });
    at("result").scrollIntoView({ block: "nearest" });
  } catch (problem) {
    if (mine === turn) tell(explained(problem), true);
  }
}

at("send").addEventListener("click", () => look(new Blob([JSON.stringify({ points })], { type: "application/json" })));
at("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) look(file.slice(0, file.size, "application/octet-stream"));
});

// --- what each movement says -----------------------------------------------------------------------------------------

const forget = showWhatMattered({
  during: "Asking about each movement alone…",
  sent: () => sent,
  draw,
  clear() { at("map").hidden = true; },
  names: ["Show what each movement says", "Hide what each movement says"],
});

function draw({ of, movements }) {
  const map = at("map");
  map.hidden = false;
  const places = movements.flatMap(({ path }) => path);
  const tall = Math.max(...places.map(([, y]) => y), 0.2);
  const wide = Math.max(...places.map(([x]) => x), 0.2);
  const ratio = fit(map, Math.min(1, tall / wide));
  const scale = (map.width - 24 * ratio) / Math.max(wide, tall);
  const pen = map.getContext("2d");
  const [low, high] = [Math.min(...movements.map(({ says }) => says)), Math.max(...movements.map(({ says }) => says))];
  for (const { says, path } of movements) {
    const share = high > low ? (says - low) / (high - low) : 1;
    pen.globalAlpha = 0.25 + 0.75 * share;
    pen.strokeStyle = colour(share >= 0.5 ? "--accent" : "--unsure");
    pen.lineWidth = (1.5 + 2.5 * share) * ratio;
    pen.beginPath();
    path.forEach(([x, y], i) => pen[i ? "lineTo" : "moveTo"](12 * ratio + x * scale, 12 * ratio + y * scale));
    pen.stroke();
  }
  const best = movements.reduce((a, b) => (b.says > a.says ? b : a));
  const least = movements.reduce((a, b) => (b.says < a.says ? b : a));
  return movements.length < 2
    ? "The trace is one movement."
    : `“${of}” is said most by the movement at ${best.start.toFixed(1)}–${best.end.toFixed(1)} s (${best.says.toPrecision(2)}), least by that at ${least.start.toFixed(1)}–${least.end.toFixed(1)} s (${least.says.toPrecision(2)}). The answer is the mean over movements.`;
}

start();
