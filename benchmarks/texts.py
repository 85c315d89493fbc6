"""What models of texts reach: Banking77 with its official test set, docstrings of installed packages, and how fast.

    python benchmarks/texts.py ../shared [--only all-terms,ten,train,docstrings,speed]

Banking77: 10,003 questions to a bank in 77 intents, 3,080 test rows. "all": a line's penalty is chosen on a tenth of
the training rows, then it is fitted on all of them; an encoder is fine-tuned on all for as many epochs as `dt.train`
takes. "ten": ten training rows of each intent, three draws, nothing chosen. "train": `dt.train` with a tenth held out,
the encoder among the candidates. Docstrings: which of eight packages a docstring is from, its name struck out; no file
is in two parts. "speed": the official test questions through ONNX Runtime, from text to answers.

One thread, in this process; the machine has other work to do: CPU seconds tell more than seconds.

Results: benchmarks/results/texts.md (and .json).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import ast
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import Results, hidden_places, parser_of, table, versions, wanted

import drivetrain as dt

ENCODER = Path("weights") / "paraphrase-minilm-l3-9600"
LABELS = {"terms": "TF-IDF line", "static": "static line (wordllama)", "both": "TF-IDF and static line"}
EPOCHS = 4
PACKAGES = ("numpy", "scipy", "pandas", "sklearn", "torch", "matplotlib", "statsmodels", "PIL")
MOST_OF_A_PACKAGE = 400


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    options = parser.parse_args()
    target = options.results or Path(__file__).parent / "results" / "texts.json"
    results = Results(target, hidden_places(shared=options.shared))
    warnings.simplefilter("ignore")
    if not options.quick:
        results.write(list(page(results)))
    with tempfile.TemporaryDirectory() as folder, dt.quiet():
        for name, job in jobs(options.shared, Path(folder), quick=options.quick).items():
            if wanted(name, options.only):
                row = job()
                print(name, row, flush=True)
                if not options.quick:
                    results.put(name, {**row, "load": round(os.getloadavg()[0], 1)})
                    results.write(list(page(results)))


def jobs(shared: Path, folder: Path, *, quick: bool) -> dict[str, Callable[[], dict[str, Any]]]:
    """Name → what measures it."""
    encoder = str(shared / ENCODER)
    draws = 1 if quick else 3
    found: dict[str, Callable[[], dict[str, Any]]] = {}
    for features in LABELS:
        found[f"all-{features}"] = lambda f=features: all_rows_line(shared, folder, f, quick)
    found["all-encoder"] = lambda: all_rows_encoder(shared, folder, encoder, quick)
    for features in LABELS:
        found[f"ten-{features}"] = lambda f=features: ten(
            shared, folder, draws, lambda data: dt.TextLinear(data, features=f)
        )
    found["ten-encoder_head"] = lambda: ten(shared, folder, draws, lambda data: dt.Learner(data, encoder).fine_tune(0))
    found["ten-encoder"] = lambda: ten(shared, folder, draws, lambda data: dt.Learner(data, encoder).fine_tune(EPOCHS))
    found["train"] = lambda: trained(banking(shared, folder, valid=0.1, quick=quick), encoder, "5min")
    found["docstrings"] = lambda: trained(docstrings(folder, quick=quick), encoder, "5min")
    found["speed"] = lambda: speed(shared, folder, encoder)
    return found


# ── the sets ────────────────────────────────────────────────────────────────────────────────────────────────────────


def banking(shared: Path, folder: Path, *, valid: float = 0, draw: int | None = None, quick: bool = False) -> dt.Data:
    """All rows, or ten of each intent drawn with a seed; a share of the training rows held out."""
    train, test = (pd.read_csv(shared / f"data/banking77/{part}.csv.gz") for part in ("train", "test"))
    if draw is not None or quick:
        train = train.sample(frac=1, random_state=draw or 0).groupby("intent").head(10)
    train = train.assign(part="train")
    if valid:
        held = train.groupby("intent").sample(frac=valid, random_state=1).index
        train.loc[held, "part"] = "valid"
    rows = pd.concat([train, test.assign(part="test")], ignore_index=True)
    place = folder / f"project-{time.monotonic_ns()}"
    share = {} if valid else {"valid_pct": 0.0}
    return dt.texts(rows, text="text", target="intent", split="part", project=place, **share)


def docstrings(folder: Path, *, quick: bool) -> dt.Data:
    """The first sixty words of what functions and classes say of themselves, and the package that they are from."""
    rows: list[tuple[str, str, str]] = []
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec is not None and spec.submodule_search_locations
        root = Path(next(iter(spec.submodule_search_locations)))
        own = [
            (said, package, f"{package}/{file.relative_to(root)}")
            for file in sorted(root.rglob("*.py"))
            if "test" not in str(file.relative_to(root))
            for said in told_in(file)
        ]
        chosen = np.random.default_rng(0).permutation(len(own))[: 40 if quick else MOST_OF_A_PACKAGE]
        rows += [own[at] for at in sorted(chosen)]
    names = re.compile("|".join([*PACKAGES, "np", "pd", "plt", "scikit", "learn", "pillow", "tensor"]), re.IGNORECASE)
    found = pd.DataFrame(rows, columns=["text", "package", "file"])
    found["text"] = found["text"].str.replace(names, "it", regex=True)
    found = found.drop_duplicates("text")
    place = folder / f"project-{time.monotonic_ns()}"
    return dt.texts(found, text="text", target="package", group="file", test_pct=0.3, valid_pct=0.15, project=place)


def told_in(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            words = (ast.get_docstring(node) or "").split()[:60]
            if len(words) >= 12:
                yield " ".join(words)


# ── what is measured ────────────────────────────────────────────────────────────────────────────────────────────────


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    began, spent = time.monotonic(), time.process_time()
    found = work()
    return found, {
        "seconds": round(time.monotonic() - began, 2),
        "cpu": round(time.process_time() - spent, 2),
    }


def judged(model: Any) -> dict[str, Any]:
    """On the official test rows; the seal is a new one for each model."""
    said = dt.score(model.predict_rows(model.data.sealed_test.open()), ["accuracy", "log_loss"])
    found = {name: [said[name].value, said[name].low, said[name].high] for name in ("accuracy", "log_loss")}
    return {**found, "n_train": len(model.data.train), "n": len(model.data.sealed_test)}


def all_rows_line(shared: Path, folder: Path, features: str, quick: bool) -> dict[str, Any]:
    some, everything = (banking(shared, folder, valid=share, quick=quick) for share in (0.1, 0))

    def fitted() -> dt.TextLinear:
        strength = dt.TextLinear(some, features=features).decisions["strength"].value
        return dt.TextLinear(everything, features=features, strength=strength)

    model, taken = timed(fitted)
    return {**judged(model), **taken, "strength": model.decisions["strength"].value}


def all_rows_encoder(shared: Path, folder: Path, encoder: str, quick: bool) -> dict[str, Any]:
    data = banking(shared, folder, quick=quick)
    model, taken = timed(lambda: dt.Learner(data, encoder).fine_tune(1 if quick else EPOCHS))
    return {**judged(model), **taken}


def ten(shared: Path, folder: Path, draws: int, fit: Callable[[dt.Data], Any]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for draw in range(draws):
        data = banking(shared, folder, draw=draw)
        model, taken = timed(lambda data=data: fit(data))
        rows.append({**judged(model), **taken})
    accuracies = [row["accuracy"][0] for row in rows]
    means = {name: np.mean([row[name] for row in rows], axis=0).tolist() for name in ("accuracy", "log_loss")}
    spent = {name: round(float(np.mean([row[name] for row in rows])), 1) for name in ("seconds", "cpu")}
    return {**rows[0], **means, **spent, "spread": float(np.std(accuracies, ddof=1)) if draws > 1 else 0.0}


def trained(data: dt.Data, encoder: str, budget: str) -> dict[str, Any]:
    found, taken = timed(lambda: dt.train(data, arch=encoder, budget=budget))
    shown = [
        {"name": one.name, "s": round(one.seconds, 1), **{key: judged_at(one, key) for key in ("accuracy", "log_loss")}}
        for one in found.candidates
    ]
    beaten = found.leaderboard.about_the_line()
    return {**judged(found.model), **taken, "candidates": shown, "winner": found.winner, "said": beaten}


def judged_at(candidate: Any, name: str) -> list[float | None]:
    score = candidate.scores[name]
    return [score.value, score.low, score.high]


def speed(shared: Path, folder: Path, encoder: str) -> dict[str, Any]:
    """Texts a second, from text to probabilities, with the threads that the environment grants."""
    texts = pd.read_csv(shared / "data/banking77/test.csv.gz")["text"].tolist()
    data = banking(shared, folder, valid=0.1, quick=True)
    learn = dt.Learner(data, encoder).fine_tune(0)
    found: dict[str, Any] = {"n": len(texts), "threads": os.environ["OMP_NUM_THREADS"]}
    for what, model, more in (
        ("encoder, fp32", learn, {}),
        ("encoder, int8", learn, {"precision": "int8", "worst_change": 0.2}),
        ("TF-IDF line", dt.TextLinear(data, strength=10), {}),
    ):
        saved = dt.load(model.save(folder / "speed.model", **more))
        saved.predict_array(texts[:64])
        tries = [timed(lambda saved=saved: saved.predict_array(texts))[1] for _ in range(3)]
        seconds, cpu = (min(one[name] for one in tries) for name in ("seconds", "cpu"))
        told = saved.manifest.export.precision if saved.manifest.export else "none"
        found[what] = {"per_s": round(len(texts) / seconds), "per_cpu_s": round(len(texts) / cpu), "as": told}
    return found


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────


def page(results: Results) -> Iterator[str]:
    rows = results.rows
    yield "# Texts: what models reach"
    yield ""
    yield (
        "One thread on a machine of two cores with other work to do; CPU seconds tell more than seconds. Intervals are "
        "of 95 %. How it is measured: `benchmarks/texts.py`."
    )
    yield from of_banking(rows, "all", "Banking77, all 10,003 training rows, official test set")
    yield from of_banking(rows, "ten", "Banking77, ten rows of each of 77 intents: the mean of three draws")
    for name, title in (("train", "`dt.train` on Banking77"), ("docstrings", "`dt.train` on docstrings of 8 packages")):
        if name in rows:
            yield from of_contest(rows[name], title)
    if "speed" in rows:
        yield from ("", "## How fast", "")
        one = rows["speed"]
        shown = [
            [what, f"{said['per_s']:,}", f"{said['per_cpu_s']:,}", said["as"]]
            for what, said in one.items()
            if isinstance(said, dict) and "per_s" in said
        ]
        yield f"The {one['n']:,} test questions from text to probabilities, {one['threads']} thread(s):"
        yield ""
        yield from table(["model", "texts/s", "texts/CPU s", "precision"], shown)
    yield ""
    measured = sorted({row["date"] for row in rows.values()})
    grounds = sorted({str(row["hardware"]) for row in rows.values()})
    yield f"Measured {', '.join(measured)} on {'; '.join(grounds)}."
    yield "Versions: " + ", ".join(f"{name} {version}" for name, version in versions().items()) + "."


def of_banking(rows: dict[str, Any], job: str, title: str) -> Iterator[str]:
    labels = {
        **{f"{job}-{name}": label for name, label in LABELS.items()},
        f"{job}-encoder_head": "small encoder, its head alone",
        f"{job}-encoder": f"small encoder, fine-tuned {EPOCHS} epochs",
    }
    there = {name: label for name, label in labels.items() if name in rows}
    if there:
        yield from ("", f"## {title}", "")
        spread = {name: f" ± {100 * rows[name].get('spread', 0):.1f}" if job == "ten" else "" for name in there}
        lines = [
            [
                label,
                interval(rows[name]["accuracy"], 100) + spread[name],
                interval(rows[name]["log_loss"], 1),
                f"{rows[name]['seconds']:,.1f}",
                f"{rows[name]['cpu']:,.1f}",
            ]
            for name, label in there.items()
        ]
        yield from table(["model", "accuracy, %", "log loss", "s", "CPU s"], lines)


def of_contest(row: dict[str, Any], title: str) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    lines = [
        [one["name"], interval(one["accuracy"], 100), interval(one["log_loss"], 1), f"{one['s']:,.1f}"]
        for one in row["candidates"]
    ]
    yield from table(["candidate, on validation rows", "accuracy, %", "log loss", "s"], lines)
    yield ""
    yield (
        f"The winner, {row['winner']}, on {row['n']:,} test rows: accuracy {interval(row['accuracy'], 100)} %. All of "
        f"it took {row['seconds']:,.0f} s ({row['cpu']:,.0f} CPU s). It says: “{row['said']}”."
    )


def interval(said: list[float], times: float) -> str:
    value, low, high = (times * one for one in said)
    return f"{value:.1f} [{low:.1f}, {high:.1f}]" if times > 1 else f"{value:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
