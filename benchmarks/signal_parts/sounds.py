"""Spoken digits of six people: new speakers and the official split, beside simple methods, a net from scratch, fastai.

Leaving a speaker out: six trainings, each judged once on the 500 recordings of a speaker that nobody trained or chose
by; validation is a tenth of the other speakers' recordings. The interval is over speakers.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import table
from PIL import Image

import drivetrain as dt
from drivetrain.kinds.sounds.bodies.front import BatchFront
from drivetrain.kinds.sounds.mel import picture_front
from drivetrain.kinds.sounds.reading import at_rate, opened
from drivetrain.kinds.sounds.training import described
from drivetrain.runtime.files.zipped import in_folder
from signal_parts.memory import in_words, memory_of, resident_mb

Row = dict[str, Any]
Job = Callable[[], Row]
OFFICIAL, OUT = "official", "speaker-out"
AUDIO, IMAGE = "efficientat_mn04_as", "mobilenetv1_100.tf_in1k"
EPOCHS, SCRATCH_EPOCHS = 4, 12
BUDGET_S = 45
"""Of fine-tuning, where it is to be quick."""
PEERS = Path(__file__).parent.parent / "peers"
TITLES = {
    "nearest": "1-nearest neighbour on log-mel",
    "logistic": "log-mel + logistic regression",
    "scratch": "net from scratch (EfficientAT's layout)",
    "image": "transfer, image body (MobileNetV1) on Slaney mel",
    "audio": "transfer, audio body (EfficientAT mn04)",
    "budget": f"the audio body with budget={BUDGET_S} s",
    "fastai": "fastai on the same spectrograms, the same image body",
}


def jobs(shared: Path, *, quick: bool, peers: Path) -> dict[str, Job]:
    """A job for each way, split, and speaker that is judged, so that an interrupted run keeps what it has."""
    digits = Digits(shared / "data" / "spoken-digits", quick)
    audio, image = f"local-dir:{shared}/weights/{AUDIO}", f"local-dir:{shared}/weights/{IMAGE}"
    ways: dict[str, Callable[[str, str], Row]] = {
        "nearest": partial(simple, digits, method=nearest),
        "logistic": partial(simple, digits, method=logistic),
        "audio": partial(trained, digits, audio),
        "budget": partial(trained, digits, audio, epochs=None),
        "image": partial(trained, digits, image),
        "fastai": partial(fastai, digits, shared / "weights" / IMAGE, peers),
        "scratch": partial(trained, digits, "efficientat_mn04", pretrained=False, epochs=SCRATCH_EPOCHS),
    }
    found: dict[str, Job] = {"speed": partial(speed, quick), "memory": partial(memory, digits, quick)}
    found["hour"] = partial(hour, quick)
    for split in (OUT, OFFICIAL):
        for who in digits.folds(split):
            found |= {f"{name}-{split}-{who}": partial(way, split, who) for name, way in ways.items()}
    return found


# ── the recordings ───────────────────────────────────────────────────────────────────────────────────────────────────


class Digits:
    """The table of recordings, and folders with the table of one split each."""

    def __init__(self, source: Path, quick: bool) -> None:
        self.source = source
        with (source / "recordings.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        self.rows = [row for row in rows if not quick or int(row["index"]) % 10 == 0]
        self.speakers = sorted({row["speaker"] for row in rows})[: 2 if quick else None]

    def folds(self, split: str) -> dict[str, list[str]]:
        """Who is judged → the part of each row."""
        if split == OFFICIAL:
            return {"all": [self._part(row, row["official_split"] == "test") for row in self.rows]}
        return {speaker: [self._part(row, row["speaker"] == speaker) for row in self.rows] for speaker in self.speakers}

    def _part(self, row: Mapping[str, str], judged: bool) -> str:
        return "test" if judged else "valid" if int(row["index"]) % 10 == 7 else "train"

    def folder(self, parts: list[str]) -> Path:
        """A new folder with the table, where the zip file lies beside it."""
        folder = Path(tempfile.mkdtemp(prefix="digits-"))
        shutil.copy(self.source / "spoken-digits.zip", folder)
        with (folder / "recordings.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "digit", "speaker", "part"])
            for row, part in zip(self.rows, parts, strict=True):
                writer.writerow([f"spoken-digits.zip/{row['path']}", f"digit {row['digit']}", row["speaker"], part])
        return folder

    def in_order(self, split: str, who: str, said: dt.Predictions) -> np.ndarray:
        """Probabilities of the judged recordings in the order of the table, digits in theirs."""
        place = {"/".join(name.split("/")[-2:]): at for at, name in enumerate(said.names or ())}
        parts = self.folds(split)[who]
        rows = [place[row["path"]] for row, part in zip(self.rows, parts, strict=True) if part == "test"]
        return said.output[rows][:, [said.target.vocab.index(f"digit {digit}") for digit in range(10)]]

    def judged(self, split: str, who: str, output: np.ndarray) -> Row:
        """What is kept of a fold: what was said of each judged recording, and what is true."""
        rows = [row for row, part in zip(self.rows, self.folds(split)[who], strict=True) if part == "test"]
        truth, said = "".join(row["digit"] for row in rows), "".join(map(str, output.argmax(1).tolist()))
        right = [a == b for a, b in zip(truth, said, strict=True)]
        speakers = ",".join(row["speaker"] for row in rows) if split == OFFICIAL else who
        return {
            "accuracy": round(float(np.mean(right)), 4), "n": len(rows), "truth": truth, "said": said,
            "speakers": speakers,
        }  # fmt: skip


# ── simple methods ───────────────────────────────────────────────────────────────────────────────────────────────────


def simple(digits: Digits, split: str, who: str, *, method: Callable[..., np.ndarray]) -> Row:
    """A method on log-mel spectrograms brought to one length; trained on training and validation rows."""
    features = log_mels(digits)
    truth = np.array([int(row["digit"]) for row in digits.rows])
    test = np.array(digits.folds(split)[who]) == "test"
    return digits.judged(split, who, method(features[~test], truth[~test], features[test]))


def log_mels(digits: Digits) -> np.ndarray:
    """(N, 40 · 24): 40 mel bands in decibels, 24 parts of each recording, whatever its length."""
    front = picture_front(8000, n_mels=40)
    made = []
    unpacked = unzipped(digits.source / "spoken-digits.zip")
    for row in digits.rows:
        with opened(unpacked / row["path"]) as sound:
            bands = front.bands(np.concatenate(list(at_rate(sound, 8000, None))))
        at = np.linspace(0, bands.shape[1] - 1, 24)
        made.append(np.stack([np.interp(at, np.arange(bands.shape[1]), band) for band in bands]).ravel())
    return np.array(made)


def unzipped(path: Path) -> Path:
    """The folder that stands for a zip file."""
    found = in_folder(path)
    assert found is not None
    return found


def nearest(known: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1).fit(known, truth).predict_proba(asked)


def logistic(known: np.ndarray, truth: np.ndarray, asked: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    return model.fit(known, truth).predict_proba(asked)


# ── trained ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def opened_as_data(folder: Path) -> dt.Data:
    return dt.sounds(folder / "recordings.csv", target="digit", split="part", project=folder / "project")


def trained(
    digits: Digits, arch: str, split: str, who: str, *, pretrained: bool = True, epochs: int | None = EPOCHS
) -> Row:
    """A training through the public calls, from the table to the last epoch."""
    folder = digits.folder(digits.folds(split)[who])
    try:
        began, cpu = time.monotonic(), time.process_time()
        with dt.quiet():
            data = opened_as_data(folder)
            learn = dt.Learner(data, arch=arch, pretrained=pretrained)
            learn.fine_tune(epochs, budget=None if epochs else BUDGET_S)
        seconds, cpu_s = time.monotonic() - began, time.process_time() - cpu
        said = learn.predict_rows(data.sealed_test.open())
        row = digits.judged(split, who, digits.in_order(split, who, said))
        return {**row, "epochs": epochs or "", "train_s": round(seconds, 1), "train_cpu_s": round(cpu_s, 1)}
    finally:
        shutil.rmtree(folder)


# ── fastai ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def fastai(digits: Digits, body: Path, peers: Path, split: str, who: str) -> Row:
    """fastai on PNG files of the spectrograms that the image body reads, one process, in the peers' environment."""
    parts = digits.folds(split)[who]
    folder = digits.folder(parts)
    try:
        with dt.quiet():
            data = opened_as_data(folder)
        spec = described(picture_front(8000), data.options, channels=3)
        with (folder / "pictures.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "label", "split"])
            for at, (row, part) in enumerate(zip(digits.rows, parts, strict=True)):
                view = spec.view(spec.load(unzipped(digits.source / "spoken-digits.zip") / row["path"]))[0][0]
                grey = np.clip((view + 2) / 4 * 255, 0, 255).round().astype(np.uint8)
                Image.fromarray(grey.transpose(1, 2, 0)).save(folder / f"{at}.png")
                writer.writerow([folder / f"{at}.png", f"digit {row['digit']}", part])
        command = [str(peers), str(PEERS / "fastai_spectrograms.py"), str(folder / "pictures.csv"), f"local-dir:{body}"]
        command += ["--epochs", str(EPOCHS), "--answers", str(folder / "answers.npz")]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=folder, check=True)
        events = [json.loads(line.removeprefix("@event ")) for line in done.stdout.splitlines() if "@event " in line]
        took = next(event for event in events if event["event"] == "trained")
        with np.load(folder / "answers.npz", allow_pickle=False) as found:
            vocab = found["vocab"].tolist()
            output = found["probabilities"][:, [vocab.index(f"digit {digit}") for digit in range(10)]]
        row = digits.judged(split, who, output)
        return {**row, "epochs": EPOCHS, "train_s": took["seconds"], "train_cpu_s": took["cpu_seconds"]}
    finally:
        shutil.rmtree(folder)


# ── how fast, how much memory ────────────────────────────────────────────────────────────────────────────────────────


def speed(quick: bool) -> Row:
    """Log-mel spectrograms of one-second clips a second, on one thread: ours, ours in torch, librosa."""
    import torch

    sys.modules["coverage"] = None  # pyright: ignore[reportArgumentType] - numba asks for more of it than there is
    import librosa

    torch.set_num_threads(1)
    clips = (np.random.default_rng(0).standard_normal((20 if quick else 200, 16_000)) * 0.1).astype(np.float32)
    front = picture_front(16_000)
    batch = BatchFront(front)

    def by_librosa(clip: np.ndarray) -> np.ndarray:
        mel = librosa.feature.melspectrogram(
            y=clip, sr=16_000, n_fft=front.n_fft, win_length=front.window, hop_length=front.hop, n_mels=front.n_mels,
            fmax=front.f_max, pad_mode="constant",
        )  # fmt: skip
        return librosa.power_to_db(mel, ref=np.max)

    away = max(float(np.abs(front.bands(clip) - by_librosa(clip)).max()) for clip in clips[:20])
    waves = torch.from_numpy(clips)
    measured = {
        "numpy": lambda: [front(clip) for clip in clips],
        "torch_batch": lambda: [batch(part) for part in waves.split(32)],
        "librosa": lambda: [by_librosa(clip) for clip in clips],
    }
    found: Row = {"largest_difference_db": away}
    for name, run in measured.items():
        run()
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            run()
            taken.append(time.perf_counter() - began)
        found[f"{name}_per_s"] = round(len(clips) / min(taken))
    return found


def memory(digits: Digits, quick: bool) -> Row:
    """Resident memory while 10,000 clips are read and drawn."""
    spec = described(picture_front(8000), {"clip_s": 0.7}, channels=3)
    folder = unzipped(digits.source / "spoken-digits.zip")
    return memory_of(spec, [folder / row["path"] for row in digits.rows], quick=quick)


def hour(quick: bool) -> Row:
    """Resident memory while a minute and then an hour of sound are answered, of a network that costs nothing."""
    import soundfile

    spec = described(picture_front(16_000), {"clip_s": 1.0}, channels=3)
    target = dt.CategoryTarget(name="level", vocab=("quiet", "loud"))
    model = dt.Predictor(spec, target, lambda views: views.mean(axis=(1, 2, 3, 4))[:, None].repeat(2, 1))
    found: Row = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, minutes in {"minute": 1, "hour": 2 if quick else 60}.items():
            path, rng = Path(folder) / f"{name}.flac", np.random.default_rng(0)
            with soundfile.SoundFile(path, "w", 44_100, 1) as file:
                for _ in range(minutes):
                    file.write(rng.normal(0, 0.1, 60 * 44_100).astype(np.float32))
            began = time.perf_counter()
            model.predict(path)
            found |= {f"{name}_s": round(time.perf_counter() - began, 2), f"{name}_mb": resident_mb()}
    return found


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def page(rows: Mapping[str, Row]) -> list[str]:
    lines = [
        "# Sounds: spoken digits of six people",
        "",
        "Validation is a tenth of the other speakers' recordings; the speaker that is judged was not trained on. Four",
        f"epochs were set for all speakers after the row of lucas had been looked at, so that {flattered(rows)}.",
        "Where not all six were measured, the accuracy is that of those that were. Training is counted from",
        "the table to the last epoch (fastai: from its spectrograms as PNG files); the machine was shared, so that",
        "seconds of processor say more than seconds; the load at the end of each is in the JSON file.",
        "",
    ]
    for split, said in (
        (OUT, "Leaving a speaker out, interval over speakers"),
        (OFFICIAL, "Official split (same speakers)"),
    ):
        pooled = {name: found for name in TITLES if (found := pool(rows, f"{name}-{split}-"))}
        speakers = sorted({who for found in pooled.values() for who in found["by_speaker"]})
        head = ["", "accuracy", "95 % interval", *speakers, "epochs", "training, s", "of processor"]
        body = [
            [
                TITLES[name], percent(row["accuracy"]), interval(row),
                *(percent(row["by_speaker"].get(who)) for who in speakers), row["epochs"], row["train_s"],
                row["train_cpu_s"],
            ]
            for name, row in pooled.items()
        ]  # fmt: skip
        lines += [f"## {said}", "", *table(head, body), ""]
    if "speed" in rows:
        row = rows["speed"]
        lines += [
            "## Log-mel spectrograms of one-second clips a second, one thread", "",
            *table(["numpy (serving)", "torch (training, batches of 32)", "librosa", "largest difference, dB"],
                   [[f"{row['numpy_per_s']:,}", f"{row['torch_batch_per_s']:,}", f"{row['librosa_per_s']:,}",
                     f"{row['largest_difference_db']:.1e}"]]), "",
        ]  # fmt: skip
    if "memory" in rows:
        lines += [in_words(rows["memory"], "clips"), ""]
    if "hour" in rows:
        row = rows["hour"]
        lines += [
            f"An hour of 44,100 samples a second (FLAC), in windows of a second every half, is read and drawn in "
            f"{row['hour_s']:.0f} s: {row['hour_mb']:,} MB resident at its end, {row['minute_mb']:,} MB after a minute "
            "of the same.", "",
        ]  # fmt: skip
    return lines


def flattered(rows: Mapping[str, Row]) -> str:
    """That the speaker who was looked at flatters the figure, and what it is without that one."""
    others = [row["accuracy"] for name, row in rows.items() if name.startswith(f"audio-{OUT}-") and "lucas" not in name]
    without = (
        f" a little (without it the mean of the audio body is {percent(float(np.mean(others)))})" if others else ""
    )
    return f"its figure flatters{without}"


def pool(rows: Mapping[str, Row], beginning: str) -> Row | None:
    """The folds of one way together: accuracy with its interval, and of each speaker; None where there are none."""
    folds = {name: row for name, row in rows.items() if name.startswith(beginning)}
    if not folds:
        return None
    truth = np.array([int(digit) for row in folds.values() for digit in row["truth"]])
    answers = np.array([int(digit) for row in folds.values() for digit in row["said"]])
    out = OUT in beginning
    speakers = np.array(
        [
            who
            for row in folds.values()
            for who in (row["speakers"].split(",") if not out else [row["speakers"]] * row["n"])
        ]
    )
    said = dt.Predictions(
        ids=tuple(str(at) for at in range(len(truth))),
        target=dt.CategoryTarget(name="digit", vocab=tuple("0123456789")),
        truth=truth,
        output=np.eye(10)[answers],
        groups=speakers if out else None,
    )
    found = dt.score(said, ["accuracy"])["accuracy"]
    hits = truth == answers
    return {
        "accuracy": found.value, "low": found.low, "high": found.high,
        "by_speaker": {who: float(hits[speakers == who].mean()) for who in sorted(set(speakers.tolist()))},
        **{name: total(folds.values(), name) for name in ("train_s", "train_cpu_s")},
        "epochs": next((str(row["epochs"]) for row in folds.values() if "epochs" in row), ""),
    }  # fmt: skip


def total(folds: Iterable[Row], name: str) -> str:
    """Seconds of all folds."""
    known = [row[name] for row in folds if name in row]
    return f"{sum(known):,.0f}" if known else ""


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def interval(row: Row) -> str:
    return "–" if row["low"] is None else f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
