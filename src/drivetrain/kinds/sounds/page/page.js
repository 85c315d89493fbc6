// The page of a model of sounds: one sound out, from a file or the microphone, one answer in, and what it rests on.

import { showWhatMattered } from "/mattered.js";
import { Problem, about, ask, at, explained, made, show, tell } from "/model.js";

const MOST_SECONDS = 60; // of a recording
const MOST_SPANS = 12; // that are listed
const SILENT = 0.003; // level below which a recording holds nothing
const KNOWN = /\.(wav|flac|ogg|oga|mp3)$/i;
const NO_MICROPHONE = "This browser gives no microphone to this page. It does on https:// addresses and on this machine's own (localhost).";

let sound = null; // what was sent for the answer on the page
let turn = 0; // counts sounds: an answer to an older one is not shown
let audio = null; // the context, made on the first click
let recorder = null;

const context = () => (audio ??= new AudioContext());

// --- the sound -------------------------------------------------------------------------------------------------------

async function look(file) {
  if (!file) return;
  const mine = ++turn;
  at("ask").classList.add("small");
  at("ask-title").textContent = "Another sound?";
  at("result").hidden = true;
  forget();
  tell("Listening to the sound…");
  try {
    if (about && file.size > about.limits.picture_bytes) throw new Problem("This sound is too large for the service.");
    const heard = await decoded(file);
    const sent = KNOWN.test(file.name ?? "") || !heard ? file : wav(heard);
    const answer = await ask("/predict", sent.slice(0, sent.size, "application/octet-stream"));
    if (mine !== turn) return;
    sound = sent;
    URL.revokeObjectURL(at("player").src);
    at("player").src = URL.createObjectURL(heard && sent !== file ? sent : file);
    show(answer);
    at("spans").replaceChildren(...(answer.spans ?? []).slice(0, MOST_SPANS).map(span));
    at("more-spans").textContent = more(answer.spans ?? []);
    at("heard").textContent = heard ? remarks(heard) : "";
    at("picture").closest("figure").hidden = !heard;
    if (heard) spectrogram(heard);
    tell("");
    at("answer").focus({ preventScroll: true });
    at("result").scrollIntoView({ block: "nearest" });
  } catch (problem) {
    if (mine === turn) tell(explained(problem), true);
  }
}

async function decoded(file) {
  try {
    const buffer = await context().decodeAudioData(await file.arrayBuffer());
    const mono = new Float32Array(buffer.length);
    for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
      const values = buffer.getChannelData(channel);
      for (let i = 0; i < mono.length; i++) mono[i] += values[i] / buffer.numberOfChannels;
    }
    return mono.length ? { samples: mono, rate: buffer.sampleRate } : null;
  } catch {
    return null; // the service may read what this browser cannot
  }
}

function wav({ samples, rate }) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (place, letters) => [...letters].forEach((letter, i) => view.setUint8(place + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  [[16, 16, 4], [20, 1, 2], [22, 1, 2], [24, rate, 4], [28, 2 * rate, 4], [32, 2, 2], [34, 16, 2]].forEach(([place, value, bytes]) =>
    bytes === 4 ? view.setUint32(place, value, true) : view.setUint16(place, value, true));
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, i) => view.setInt16(44 + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, value))), true));
  return new Blob([view], { type: "audio/wav" });
}

function remarks({ samples, rate }) {
  let most = 0, clipped = 0;
  for (const value of samples) {
    most = Math.max(most, Math.abs(value));
    clipped += Math.abs(value) > 0.999;
  }
  const said = [`${(samples.length / rate).toFixed(1)} seconds.`];
  if (about && samples.length / rate > about.windows * about.window_s + 0.05) {
    said.push(`The model listens to all of it, ${about.window_s.toFixed(1)} seconds at a time: the answer is the mean.`);
  }
  if (most < SILENT) said.push("It is almost silent: is the microphone on?");
  if (clipped > rate / 1000) said.push("It is clipped: too loud for what recorded it.");
  return said.join(" ");
}

// --- what is heard when ----------------------------------------------------------------------------------------------

function span({ start, end, label, probability }) {
  const row = made("li");
  const play = made("button", "time", `${start.toFixed(1)}–${end.toFixed(1)} s`);
  play.type = "button";
  play.setAttribute("aria-label", `Play ${label}, from ${start.toFixed(1)} to ${end.toFixed(1)} seconds`);
  play.addEventListener("click", () => { at("player").currentTime = start; at("player").play(); });
  row.append(play, made("span", "label", label), made("span", "number", `${Math.round(100 * probability)} %`));
  return row;
}

const more = (spans) => spans.length <= MOST_SPANS ? "" : `And ${spans.length - MOST_SPANS} more; a program gets all of them.`;

// --- the microphone --------------------------------------------------------------------------------------------------

async function record() {
  if (recorder) return recorder.stop();
  if (!navigator.mediaDevices?.getUserMedia) return tell(NO_MICROPHONE, true);
  let stream;
  at("record").disabled = true; // until the browser has asked for the microphone
  tell("Waiting for the microphone…");
  try {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }; // as files were recorded
    stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
  } catch {
    return tell("The microphone cannot be used: it was not allowed, or there is none.", true);
  } finally {
    at("record").disabled = false;
  }
  tell("");
  const pieces = [];
  recorder = new MediaRecorder(stream);
  recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
  const stopMeter = meter(stream, () => recorder?.stop());
  recorder.addEventListener("stop", () => {
    stopMeter();
    stream.getTracks().forEach((track) => track.stop());
    const { mimeType } = recorder;
    recorder = null;
    recording(false);
    look(new File(pieces, "recording", { type: mimeType }));
  });
  recorder.start();
  recording(true);
}

function recording(on) {
  at("record").textContent = on ? "Stop" : "Record";
  at("record").setAttribute("aria-pressed", String(on));
  at("recording").hidden = !on;
}

function meter(stream, full) {
  const analyser = context().createAnalyser();
  context().resume();
  context().createMediaStreamSource(stream).connect(analyser);
  const values = new Float32Array(analyser.fftSize);
  const began = performance.now();
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(values);
    at("level").value = Math.max(...values.map(Math.abs));
    const seconds = (performance.now() - began) / 1000;
    at("seconds").textContent = `${seconds.toFixed(0)} s`;
    if (seconds > MOST_SECONDS) full();
  }, 100);
  return () => clearInterval(timer);
}

// --- the spectrogram -------------------------------------------------------------------------------------------------

const FFT = 1024;
const COLUMNS = 480;
const ROWS = 96;
const mel = (hertz) => 1127 * Math.log(1 + hertz / 700);
const hertzOf = (pitch) => 700 * (Math.exp(pitch / 1127) - 1);
let seen = { seconds: 1, highest: 8000 };

function spectrogram({ samples, rate }) {
  const heard = about?.sample_rate ?? rate; // what the model hears: nothing above half of it
  seen = { seconds: samples.length / rate, highest: Math.min(rate, heard) / 2 };
  const canvas = at("picture");
  [canvas.width, canvas.height] = [COLUMNS, ROWS];
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(COLUMNS, ROWS);
  const decibels = [];
  for (let column = 0; column < COLUMNS; column++) {
    const start = Math.round((column / COLUMNS) * Math.max(0, samples.length - FFT));
    const power = powers(samples, start);
    for (let row = 0; row < ROWS; row++) {
      const hertz = hertzOf(mel(seen.highest) * (1 - (row + 0.5) / ROWS));
      decibels.push(10 * Math.log10(power[Math.min(FFT / 2, Math.round((hertz / rate) * FFT))] + 1e-10));
    }
  }
  const most = decibels.reduce((a, b) => Math.max(a, b), -100);
  decibels.forEach((value, i) => {
    const place = 4 * ((i % ROWS) * COLUMNS + Math.floor(i / ROWS));
    const light = Math.max(0, Math.min(1, 1 + (value - most) / 70));
    image.data.set([255 * Math.min(1, 1.6 * light ** 1.5), 255 * light ** 1.3 * 0.9, 255 * (0.12 + 0.55 * light * (1.2 - light)), 255], place);
  });
  pen.putImageData(image, 0, 0);
}

function powers(samples, start) {
  const real = new Float64Array(FFT), imaginary = new Float64Array(FFT);
  for (let i = 0; i < FFT; i++) {
    const flipped = parseInt(i.toString(2).padStart(Math.log2(FFT), "0").split("").reverse().join(""), 2);
    real[flipped] = (samples[start + i] ?? 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT));
  }
  for (let size = 2; size <= FFT; size *= 2) {
    for (let k = 0; k < size / 2; k++) {
      const [cos, sin] = [Math.cos((2 * Math.PI * k) / size), -Math.sin((2 * Math.PI * k) / size)];
      for (let i = k; i < FFT; i += size) {
        const j = i + size / 2;
        const [x, y] = [real[j] * cos - imaginary[j] * sin, real[j] * sin + imaginary[j] * cos];
        [real[j], imaginary[j]] = [real[i] - x, imaginary[i] - y];
        real[i] += x;
        imaginary[i] += y;
      }
    }
  }
  return Float64Array.from({ length: FFT / 2 + 1 }, (_, i) => real[i] ** 2 + imaginary[i] ** 2);
}

// --- what mattered ---------------------------------------------------------------------------------------------------

const forget = showWhatMattered({
  during: "Silencing parts of the sound, one after another…",
  nothing: "No single part decides: whichever is silenced, the answer hardly changes.",
  sent: () => sound.slice(0, sound.size, "application/octet-stream"),
  changes: ({ change }) => change.flat(),
  draw(found) {
    draw(found);
    return `The answer rests most on ${place(found)} (bright).`;
  },
  clear() { at("map").hidden = true; },
});

function draw({ change, seconds, hertz }) {
  const map = at("map");
  [map.width, map.height] = [640, 256];
  const most = Math.max(...change.flat());
  const pen = map.getContext("2d");
  pen.fillStyle = "rgba(10, 14, 18, 0.78)";
  pen.fillRect(0, 0, map.width, map.height);
  pen.globalCompositeOperation = "destination-out"; // light falls through where it mattered
  const x = (second) => (map.width * second) / seen.seconds;
  const y = (pitch) => map.height * (1 - mel(Math.min(pitch, seen.highest)) / mel(seen.highest));
  change.forEach((row, band) => row.forEach((value, part) => {
    const [from, to] = seconds[part], [low, high] = hertz[band];
    pen.globalAlpha = Math.max(0, value / most);
    pen.fillRect(x(from), y(high), x(to) - x(from), y(low) - y(high));
  }));
  map.hidden = false;
}

function place({ change, seconds, hertz }) {
  let best = [0, 0];
  change.forEach((row, band) => row.forEach((value, part) => { if (value > change[best[0]][best[1]]) best = [band, part]; }));
  const [from, to] = seconds[best[1]].map((value) => Math.min(value, seen.seconds).toFixed(1));
  const [low, high] = hertz[best[0]].map((value) => Math.round(value / 10) * 10);
  return `${from} to ${to} seconds, ${low} to ${high} Hz`;
}

// --- what people do --------------------------------------------------------------------------------------------------

at("record").addEventListener("click", record);
at("file").addEventListener("change", ({ target }) => { look(target.files[0]); target.value = ""; });
for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(event, (happened) => {
    happened.preventDefault();
    at("ask").classList.toggle("over", over);
    if (event === "drop") look(happened.dataTransfer.files[0]);
  });
}
