"""The page of results/fine_tune.json that a person reads."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from statistics import mean
from typing import Any

from common import megabytes, provenance, shown, table
from compare import paired, unpacked

Row = Mapping[str, Any]
Rows = dict[str, Row]
LEVELS = (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
WHAT_LIMITS = {
    "grocery": (
        "What limits it: arithmetic. The body knows little of these classes, so accuracy grows with the passes over "
        "all of it, as the rows above show, and the nominal rate is already near that of the machine's matrix products "
        "or above it (kept activations are not computed again). Runs differ by more than the intervals of one test set "
        "say: the time measured at the start decides how much of the body is trained. The rows of five minutes and of "
        "a tenth are of 28 November, with memory kept between steps, beside other work at the lowest priority; the "
        "others are of the recipe before, as are these, twice each: 74.3 and 76.8 % in five minutes, 74.6 (182 s) and "
        "72.8 % in a tenth."
    ),
    "tiny": (
        "What limits it: the pictures. The body was trained on these classes, so a head on the frozen body is within a "
        "point or so of everything else; then the 4,000 rows are learnt by heart (the training loss comes down to what "
        "label smoothing leaves of it), and more time gives nothing, neither to fastai nor to drivetrain. MixUp and "
        "other rates were tried on other classes and changed nothing (docs/decisions)."
    ),
    "clothes": (
        "Fashion-MNIST: grey pictures of 28 px, of things that are not among the body's classes. The recipe is the "
        "same, untouched; it was not tuned on these. The set was added after Tiny ImageNet had shown no margin over "
        "fastai. Caches are compared with one and the same head, trained step by step: as they come, a head is solved "
        "for where there are caches, which gave 85.6, 85.8 and 85.7 % against 83.5, 84.3 and 84.5 % without."
    ),
}
HEAD_ONLY = ("frozen", "head", "probe")
"""Phases in which the body is not trained."""
SETTLING = "settle"
"""The head once more, after the body."""
APART = ("caches-", "cost-", "seeds-")
"""Jobs that have tables of their own."""


def report(rows: Mapping[str, Row]) -> list[str]:
    lines = ["# Fine-tuning: how long it takes, and what it gives", ""]
    lines += [
        "Same files, same pretrained body, same size; separate processes, one after another. Seconds run from the "
        "start of the process to a saved model. The test set is opened afterwards and not timed.",
    ]
    for name in dict.fromkeys(key.split("/")[0] for key in rows):
        own = {key.split("/")[1]: row for key, row in rows.items() if key.startswith(name + "/")}
        lines += ["", f"## {name}", "", *set_section(own, WHAT_LIMITS.get(name, ""))]
    return [*lines, "", *provenance(rows)]


def set_section(rows: Rows, limited: str) -> list[str]:
    limits = rows.get("limits", {}).get("limits")
    runs = {name: row for name, row in rows.items() if "seconds" in row and not name.startswith(APART)}
    lines: list[str] = []
    if runs:
        n = next(iter(runs.values()))["n"]
        lines += [f"{n['train']} training, {n['valid']} validation, {n['test']} test rows.", ""]
        lines += [*main_table(runs, limits), "", *levels_table(runs), "", *profile_table(runs)]
        lines += [limited, ""] if limited else []
    lines += seeds_table({name: row for name, row in rows.items() if name.startswith("seeds-")})
    lines += caches_table({name: row for name, row in rows.items() if name.startswith("caches-")})
    lines += cost_table({name: row for name, row in rows.items() if name.startswith("cost-")})
    return lines + (limits_lines(limits) if limits else [])


def seeds_table(runs: Rows) -> list[str]:
    """Accuracy and log loss of the test rows over the seeds of one body and budget: mean and standard deviation."""
    groups: dict[str, list[Row]] = {}
    for name, row in runs.items():
        groups.setdefault(name.rpartition("-seed")[0].removeprefix("seeds-"), []).append(row)
    lines = []
    for name, own in groups.items():
        accuracies, losses = ([row[kind]["value"] for row in own] for kind in ("evaluated", "evaluated_log_loss"))
        each = ", ".join(f"{100 * value:.1f}" for value in accuracies)
        lines.append([name, str(len(own)), each, spread(accuracies, 100, 1, " %"), spread(losses, 1, 2, "")])
    return ["", *table(["body, time", "seeds", "test accuracies", "mean ± sd", "log loss"], lines), ""] if lines else []


def spread(values: list[float], unit: float, digits: int, mark: str) -> str:
    deviation = f" ± {unit * statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{unit * statistics.mean(values):.{digits}f}{deviation}{mark}"


def main_table(runs: Rows, limits: Row | None) -> list[str]:
    fastai = runs.get("fastai")
    head = ["who", "seconds", "fastai takes × as long", "processor s", "load before", "memory, MB (of it anonymous)"]
    head += [
        "test accuracy (95 % Wilson)",
        "minus fastai's (95 % paired bootstrap; McNemar p)",
        "of the machine's matmul",
    ]
    lines = [
        [
            name,
            shown(row["seconds"]),
            "–" if fastai is None else shown(fastai["seconds"] / row["seconds"], 2),
            shown(row["cpu_seconds"], 0),
            shown(row["load_before"]),
            f"{megabytes(row, 'pss')} ({megabytes(row, 'pss_anonymous')})",
            accuracy(row),
            difference(row, fastai),
            share_of_limit(row, limits),
        ]
        for name, row in runs.items()
    ]
    note = (
        "The load is how many other processes wanted to run in the minute before: 0 is a quiet machine. Memory is the "
        "peak over all processes of a run, pages that n of them share counted 1/n each. The last column is nominal: "
        "the body's operations, once per picture of an epoch that trains the head alone and three times per picture "
        "of one that trains the body, over the seconds, as a share of the fp32 and bf16 rates below. What is computed "
        "once and kept is counted as if it were computed each time."
    )
    return [*table(head, lines), "", note, *disagreements(runs)]


def disagreements(runs: Rows) -> list[str]:
    """Where `drivetrain evaluate --test` and the answers of `drivetrain predict` give different numbers."""
    lines: list[str] = []
    for name, row in runs.items():
        judged = row.get("evaluated")
        if judged and (judged["n"] != row["test"]["n"] or abs(judged["value"] - row["test"]["value"]) > 1e-9):
            says = f"{100 * judged['value']:.2f} % of n = {judged['n']}"
            lines += ["", f"{name}: `drivetrain evaluate`, in bf16 as it was trained, says {says}."]
    return lines


def accuracy(row: Row) -> str:
    if "test" not in row:
        return "–"
    a = row["test"]
    return f"{100 * a['value']:.1f} % [{100 * a['low']:.1f}, {100 * a['high']:.1f}]"


def difference(row: Row, other: Row | None) -> str:
    if other is None or row is other or "hits" not in row or row["set"] != other["set"]:
        return "–"
    n = row["test"]["n"]
    d = paired(unpacked(row["hits"], n), unpacked(other["hits"], n))
    return f"{100 * d['difference']:+.1f} [{100 * d['low']:+.1f}, {100 * d['high']:+.1f}]; {d['mcnemar_p']:.2g}"


def share_of_limit(row: Row, limits: Row | None) -> str:
    if limits is None:
        return "–"
    passes = sum(1 if epoch["phase"] in (*HEAD_ONLY, SETTLING) else 3 for epoch in row["epochs"])
    rate = passes * row["n"]["train"] * limits["body_gflops"] / row["seconds"]
    shares = [100 * rate / limits[f"matmul_{kind}_gflops"] for kind in ("fp32", "bf16")]
    return f"{shares[0]:.1f} % of fp32, {shares[1]:.1f} % of bf16"


def levels_table(runs: Rows) -> list[str]:
    """Seconds until an epoch ended with at least so much validation accuracy; the best epoch last."""
    best = {name: max((epoch["accuracy"] or 0.0 for epoch in row["epochs"]), default=0.0) for name, row in runs.items()}
    levels = [level for level in LEVELS if level <= max(best.values(), default=0.0)]
    lines = [
        [name, *(shown(reached(row, level), 0) for level in levels), f"{100 * best[name]:.1f} %"]
        for name, row in runs.items()
    ]
    head = ["seconds to a validation accuracy of", *(f"{100 * level:.0f} %" for level in levels), "best epoch"]
    return table(head, lines)


def reached(row: Row, level: float) -> float | None:
    almost = level - 1e-6  # 0.7 in 32 bits is a little less
    return next((epoch["seconds"] for epoch in row["epochs"] if (epoch["accuracy"] or 0) >= almost), None)


def profile_table(runs: Rows) -> list[str]:
    """Where the seconds of drivetrain's runs go, and what was decided about the body."""
    lines: list[list[str]] = []
    for name, row in runs.items():
        if "said" not in row or not row["epochs"]:
            continue
        head = max((epoch["seconds"] for epoch in row["epochs"] if epoch["phase"] in HEAD_ONLY), default=0.0)
        body = [epoch["seconds"] for epoch in row["epochs"] if epoch["phase"] not in (*HEAD_ONLY, SETTLING)]
        decided = row["said"]["decisions"].get("unfreeze", {})
        lines.append(
            [
                name,
                shown(head, 0),
                shown(body[0] - head, 0) if body else "–",
                f"{shown(body[-1] - body[0], 0)} ({len(body) - 1})" if body else "–",
                shown(row["seconds"] - (body[-1] if body else head), 0),
                f"{decided.get('value', '–')}: {decided.get('reason', '')}",
            ]
        )
    if not lines:
        return []
    columns = ["where the seconds go", "until the head is there", "what is kept of the frozen part, and one epoch"]
    columns += ["more epochs (how many)", "export, parity, saving", "share of the body trained"]
    return [*table(columns, lines), ""]


def caches_table(rows: Rows) -> list[str]:
    if not rows:
        return []
    lines = [
        [
            name.removeprefix("caches-"),
            shown(row["seconds"]),
            f"{megabytes(row, 'pss')} ({megabytes(row, 'pss_anonymous')})",
            accuracy(row),
            difference(row, rows.get(name.replace("-on-", "-off-"))),
        ]
        for name, row in rows.items()
    ]
    head = ["caches", "seconds", "memory, MB (of it anonymous)", "test accuracy", "on minus off (95 %; McNemar p)"]
    return [*table(head, lines), "", *caches_summary(rows), ""]


def caches_summary(rows: Rows) -> list[str]:
    """Over the seeds that were run both ways."""
    seeds = [name.removeprefix("caches-on-") for name in rows if name.startswith("caches-on-")]
    pairs = [(rows[f"caches-on-{s}"], rows[f"caches-off-{s}"]) for s in seeds if f"caches-off-{s}" in rows]
    if not pairs:
        return []
    ratio = mean(off["seconds"] / on["seconds"] for on, off in pairs)
    gain = mean(on["test"]["value"] - off["test"]["value"] for on, off in pairs)
    return [f"Mean over {len(pairs)} seeds: {ratio:.2f} × as fast with caches, {100 * gain:+.1f} points of accuracy."]


def cost_table(rows: Rows) -> list[str]:
    if not rows:
        return []
    lines = [
        [
            f"{row['n']['train']:,}",
            shown(row["seconds"]),
            shown(1000 * row["seconds"] / row["n"]["train"]),
            f"{megabytes(row, 'pss')} ({megabytes(row, 'pss_anonymous')})",
        ]
        for row in sorted(rows.values(), key=lambda row: row["n"]["train"])
    ]
    head = ["training pictures", "seconds", "seconds per 1,000", "memory, MB (of it anonymous)"]
    return [*table(head, lines), "", f"Beside them {next(iter(rows.values()))['n']['valid']} validation rows.", ""]


def limits_lines(limits: Row) -> list[str]:
    return [
        f"The machine at most, {limits['threads']} threads: matrix products of 2048³ "
        f"{shown(limits['matmul_fp32_gflops'], 0)} GFLOP/s in fp32 and {shown(limits['matmul_bf16_gflops'], 0)} in "
        f"bf16, copies {shown(limits['copy_gb_per_s'])} GB/s (read and written), "
        f"{shown(limits['decode_img_per_s'], 0)} of these pictures decoded per second. The body takes "
        f"{limits['body_gflops']:.3f} GFLOP per picture forwards at {limits['size']} px."
    ]
