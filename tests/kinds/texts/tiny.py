"""Questions made by chance, and an artefact around a line that tells their topics: made in milliseconds, no torch."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from drivetrain.kinds.texts.spec import Spec
from drivetrain.kinds.texts.terms import fit_terms
from drivetrain.runtime.artefact import write_artefact
from drivetrain.runtime.calibration import Calibration
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target
from drivetrain.runtime.watching.reference import Reference

TOPICS = {
    "card": ("my card is lost", "the card was swallowed", "a new card has not arrived", "the card is broken"),
    "pin": ("I forgot my pin", "the pin is blocked", "how do I change the pin", "the pin is refused"),
    "money": ("the transfer is late", "money is missing", "I was charged twice", "the refund has not come"),
}
BEFORE = ("hello", "good morning", "please help", "dear team", "since yesterday", "again", "excuse me", "urgent")
AFTER = ("what can I do", "thank you", "and nobody answers", "as I said", "can you check", "in Bern", "abroad", "today")
TOPIC = CategoryTarget(name="topic", vocab=tuple(TOPICS))
WAIT = NumberTarget(names=("minutes",), mean=(20.0,), std=(5.0,))
CALIBRATION = Calibration(
    kind="category", temperature=1.0, coverage=0.9, quantile=0.7, abstain_below=0.4, n=60, max_error=0.1
)


def questions(n: int, seed: int = 0) -> list[tuple[str, str]]:
    """(question, topic), in turn."""
    rng, names = random.Random(seed), list(TOPICS)
    found = []
    for at in range(n):
        topic = names[at % len(names)]
        found.append((f"{rng.choice(BEFORE)}, {rng.choice(TOPICS[topic])} {rng.choice(AFTER)}", topic))
    return found


ROWS = questions(180)
SPEC = Spec(columns=("question",)).reading(terms=fit_terms([text for text, _ in ROWS], least=2))


def weights(n_outputs: int = 3) -> NDArray[np.float32]:
    """(V + 1, K): terms of a topic count for it, those of all for none; row 0 is of what pads."""
    table = np.zeros((SPEC.n_terms + 1, len(TOPICS)))
    for text, topic in ROWS:
        ids, values = SPEC.view(SPEC.load(text))
        table[ids, list(TOPICS).index(topic)] += values
    table = 0.8 * (table / np.maximum(table.sum(axis=1, keepdims=True), 1e-9) - 1 / 3)
    table[0] = 0
    return table[:, :n_outputs].astype(np.float32)


def line(n_outputs: int = 3) -> bytes:
    """(N, L) ids and weights → the weighted sum of each term's row."""
    inputs = [
        helper.make_tensor_value_info("term_ids", TensorProto.INT64, ["N", "L"]),
        helper.make_tensor_value_info("term_weights", TensorProto.FLOAT, ["N", "L"]),
    ]
    nodes = [
        helper.make_node("Gather", ["table", "term_ids"], ["rows"]),
        helper.make_node("Unsqueeze", ["term_weights", "last"], ["by"]),
        helper.make_node("Mul", ["rows", "by"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "middle"], ["outputs"], keepdims=0),
    ]
    constants = [
        numpy_helper.from_array(weights(n_outputs), "table"),
        numpy_helper.from_array(np.array([2]), "last"),
        numpy_helper.from_array(np.array([1]), "middle"),
    ]
    outputs = [helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["N", n_outputs])]
    graph = helper.make_graph(nodes, "line", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def make_artefact(folder: Path, target: Target = TOPIC, **changes: Any) -> Path:
    """An artefact with golden examples, calibration (of categories) and a reference of 60 rows."""
    model = line(target.n_outputs)
    engine = OnnxEngine(model, threads=1)
    loaded = [SPEC.load(text) for text, _ in questions(60, seed=1)]
    outputs = engine(*SPEC.stack([SPEC.view(one) for one in loaded]))
    golden = [SPEC.encode(one) for one in loaded[:3]]
    names = [f"{at}{suffix}" for at, (_, suffix) in enumerate(golden)]
    expected = {"inputs": names, "outputs": outputs[:3].tolist(), "tolerance": 1e-3}
    contents = {
        "model.onnx": model,
        "golden/expected.json": json.dumps(expected).encode(),
        **{f"golden/{name}": content for name, (content, _) in zip(names, golden, strict=True)},
        **SPEC.files(),
    }
    is_number = isinstance(target, NumberTarget)
    manifest = {
        "created": "2026-11-29T00:00:00Z",
        "versions": {"drivetrain": "0.1.0"},
        "input": SPEC,
        "target": target,
        "architecture": {"name": "tiny", "pretrained_from": None, "features": 3, "dropout": 0.0},
        "split_identity": "0" * 16,
        "n": {"train": 180, "valid": 60, "test": 60},
        "parameters_sha256": "ab" * 32,
        "validation": {"accuracy": {"value": 0.95, "low": 0.863, "high": 0.983, "n": 60}},
        "export": {
            "exporter": "direct",
            "opset": 18,
            "precision": "fp32",
            "n": 64,
            "n_held_out": 60,
            "max_abs_difference": 1e-6,
            "agreement": None if is_number else 1.0,
            "seconds": 1.0,
        },
        "calibration": CALIBRATION if isinstance(target, CategoryTarget) else None,
        "reference": Reference.of(target, target.activate(outputs), [SPEC.statistics(one) for one in loaded]),
        **changes,
    }
    path = folder / "questions.model"
    write_artefact(path, contents, manifest)
    return path
