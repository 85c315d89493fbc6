"""Tampered artefacts for `hostile.py`: each case is a name, a way of loading it, and what is done to a good one.

Whoever makes these knows the format: after every change sizes and hashes in the manifest are made to fit again, unless
that is what is tampered with.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import pickle
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIZE_PX, N_OUTPUTS = 32, 3


class Case(NamedTuple):
    name: str
    way: str
    change: Callable[[Path], None]


@dataclass(frozen=True)
class Canaries:
    """Files outside the artefact that nothing may touch."""

    folder: Path
    code: Path
    """Appears where code ran."""

    @property
    def secret(self) -> Path:
        return self.folder / "secret.bin"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "evil.pt"


class _Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


def make_canaries(folder: Path, mark: Path) -> Canaries:
    (folder / "pictures" / "red").mkdir(parents=True)
    found = Canaries(folder, mark)
    found.secret.write_bytes(bytes(4096))
    found.checkpoint.write_bytes(pickle.dumps(_Evil(mark)))
    Image.new("RGB", (40, 40), (200, 0, 0)).save(folder / "pictures" / "red" / "0.png")
    return found


# ── the manifest ─────────────────────────────────────────────────────────────────────────────────────────────────


def fit_again(folder: Path) -> None:
    """Sizes and hashes as whoever tampers would write them."""
    place = folder / "manifest.json"
    manifest = json.loads(place.read_text())
    names = [str(p.relative_to(folder)) for p in sorted(folder.rglob("*")) if p.is_file() and p != place]
    manifest["files"] = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": _sha(folder / name)} for name in names
    }
    place.write_text(json.dumps(manifest))


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(value, dict):
        for key in list(value)[:12]:
            yield from _places(value[key], (*at, key))
    elif isinstance(value, list):
        for i in range(min(len(value), 1)):
            yield from _places(value[i], (*at, i))


def _put(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    changed = copy.copy(value)
    changed[at[0]] = _put(value[at[0]], at[1:], new)
    return changed


def _raw(place: Path, at: tuple[Any, ...], text: str) -> None:
    """Put JSON text, valid or not, at a place of a JSON file."""
    value = _put(json.loads(place.read_text()), at, "@@HERE@@")
    place.write_text(json.dumps(value).replace('"@@HERE@@"', text))


def nasty_values(canaries: Canaries) -> list[str]:
    """JSON text."""
    return [
        "null",
        "-1",
        "0",
        "1e300",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "1" + "0" * 18,
        "9" * 5000,
        "true",
        '""',
        json.dumps("\x1b]0;x\x07\x1b[2J"),
        json.dumps(str(canaries.secret)),
        json.dumps("../../../etc/passwd"),
        json.dumps("x" * 1_000_000),
        "[]",
        "{}",
        "[[[[]]]]",
        "[" * 3000 + "]" * 3000,
        '{"a": 1, "a": 2}',
        json.dumps({"file": str(canaries.checkpoint)}),
        json.dumps(list(range(20000))),
        '"\\ud800"',
        "1e-320",
        "0.0000001",
    ]


def manifest_cases(good: Path, canaries: Canaries) -> Iterator[Case]:
    manifest = json.loads((good / "manifest.json").read_text())
    values = nasty_values(canaries)
    for number, at in enumerate(_places({k: v for k, v in manifest.items() if k != "files"})):
        if not at:
            continue
        for step in range(2):
            text = values[(2 * number + step * 13) % len(values)]
            name = f"manifest {'.'.join(map(str, at))} = {text[:20]}"
            yield Case(name, "onnx", lambda folder, at=at, text=text: _raw(folder / "manifest.json", at, text))
    for key, text in [
        ("input.crop_pct", "1e-9"),
        ("input.crop_pct", "0.0001"),
        ("input.size_px", "100000000"),
        ("input.mean", "[1e300,0,0]"),
        ("input.std", "[1e-300,1,1]"),
        ("input.channels", "1000000"),
        ("architecture.features", "1000000000"),
        ("architecture.name", '"resnet18.../../x"'),
        ("architecture.name", '"local-dir:/tmp"'),
        ("architecture.name", '"hf-hub:a/b"'),
        ("architecture.dropout", "1"),
        ("architecture.pretrained_from", json.dumps(f"local-dir:{canaries.folder}")),
        ("calibration.temperature", "1e-300"),
        ("calibration.quantile", "1e308"),
        ("target.vocab", '["a","a","b"]'),
        ("target.vocab", json.dumps([str(i) for i in range(1_000_000)])),
        ("target.vocab", '["\\u001b[2J","b","c"]'),
        ("format_version", "3"),
        ("format_version", "2.0"),
    ]:
        for way in ("onnx", "torch"):
            at = tuple(key.split("."))
            yield Case(
                f"manifest {key} = {text[:30]}", way, lambda f, at=at, text=text: _raw(f / "manifest.json", at, text)
            )
    for text in ["", "[]", "null", "{" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, "\xff", " " * (17 * 2**20)]:
        yield Case(
            f"manifest is {text[:10]!r}",
            "onnx",
            lambda f, text=text: _write(f / "manifest.json", text.encode("latin-1")),
        )
    for name in ["../evil", "/etc/passwd", "golden/../../x", "a\x00b", "CON", ".hidden", "golden/a/b", "a\\b", "-"]:
        record = {"bytes": 0, "sha256": "0" * 64}
        yield Case(f"lists {name!r}", "onnx", lambda f, n=name, r=record: _edit(f, lambda m: m["files"].update({n: r})))
    yield Case(
        "lists 100,000 files",
        "onnx",
        lambda f: _edit(
            f, lambda m: m["files"].update({f"f{i}": {"bytes": 0, "sha256": "0" * 64} for i in range(100_000)})
        ),
    )


def _edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    place = folder / "manifest.json"
    manifest = json.loads(place.read_text())
    change(manifest)
    place.write_text(json.dumps(manifest))


def _write(place: Path, content: bytes) -> None:
    if place.is_symlink() or place.exists():
        place.unlink()
    place.write_bytes(content)


# ── options of the architecture ──────────────────────────────────────────────────────────────────────────────────


def option_cases(canaries: Canaries) -> Iterator[Case]:
    evil, folder = str(canaries.checkpoint), str(canaries.folder)
    options: list[dict[str, Any]] = [
        {"checkpoint_path": evil},
        {"pretrained": True},
        {"pretrained": True, "pretrained_cfg": {"file": evil}},
        {"pretrained_cfg": {"file": evil, "custom_load": False}},
        {"pretrained_cfg_overlay": {"file": evil}},
        {"pretrained_cfg": evil},
        {"cache_dir": folder},
        {"features_only": True},
        {"scriptable": True},
        {"exportable": True},
        {"no_jit": True},
        {"out_indices": [0]},
        {"feature_cfg": {}},
        {"kwargs": {}},
        {"pretrained_strict": False},
        {"kwargs_filter": ["x"]},
        {"model_name": "vit_tiny_patch16_224"},
        {"num_classes": 10},
        {"in_chans": 3},
        {"block": "os.system"},
        {"block_args": {"a": 1}},
        {"block_fn": "x"},
        {"layers": [10**9] * 4},
        {"layers": [2] * 100_000},
        {"channels": [10**7] * 4},
        {"channels": [65_536] * 4},
        {"layers": [256] * 64},
        {"stem_width": -1},
        {"stem_width": 10**30},
        {"stem_width": "evil"},
        {"act_layer": evil},
        {"act_layer": "__import__"},
        {"act_layer": {"a": 1}},
        {"norm_layer": "os.system"},
        {"drop_rate": "x"},
        {"img_size": 10**9},
        {"img_size": [[[[[1]]]]]},
        {"depth": 10**6},
        {"url": evil},
        {"hf_hub_id": "a/b"},
        {"source": folder},
        {"file": evil},
        {"__class__": "x"},
        {"": 1},
        {"a b": 1},
        {"img_size": None, "embed_dim": 8},
    ]
    for value in options:
        for way in ("torch", "onnx"):
            text = json.dumps(value)
            yield Case(
                f"options {text[:60]}", way, lambda f, t=text: _raw(f / "manifest.json", ("architecture", "options"), t)
            )
    for value in options[:12]:
        text = json.dumps(value)
        yield Case(
            f"options {text[:60]}",
            "learner",
            lambda f, t=text: _raw(f / "manifest.json", ("architecture", "options"), t),
        )


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────


def file_cases(good: Path, canaries: Canaries) -> Iterator[Case]:
    names = [str(p.relative_to(good)) for p in sorted(good.rglob("*")) if p.is_file()]
    for name in names:
        way = {"model.safetensors": "torch", "data.json": "evaluate", "seal.json": "evaluate"}.get(name, "onnx")
        for part in (0.0, 0.3, 0.9):
            yield Case(
                f"{name} cut to {part:.0%}",
                way,
                lambda f, n=name, p=part: _rewritten(f, n, lambda c: c[: int(len(c) * p)]),
            )
        for at in (0.01, 0.2, 0.5, 0.8):
            yield Case(
                f"{name} with a byte changed at {at:.0%}",
                way,
                lambda f, n=name, a=at: _rewritten(f, n, lambda c: _flipped(c, a)),
            )
        yield Case(
            f"{name} is noise",
            way,
            lambda f, n=name: _rewritten(f, n, lambda c: np.random.default_rng(1).bytes(len(c))),
        )
        yield Case(
            f"{name} is a pickle", way, lambda f, n=name: _rewritten(f, n, lambda c: canaries.checkpoint.read_bytes())
        )
        yield Case(f"{name} is a link", way, lambda f, n=name: _linked(f / n, canaries.secret))
        yield Case(f"{name} is a folder", way, lambda f, n=name: _folder(f / n))
        yield Case(f"{name} is a pipe", way, lambda f, n=name: _pipe(f / n))
        yield Case(f"{name} is missing", way, lambda f, n=name: (f / n).unlink())
        yield Case(f"{name} grew, not listed so", way, lambda f, n=name: (f / n).open("ab").write(b"x"))
        yield Case(f"{name} is sparse and huge", way, lambda f, n=name: _sparse(f, n))
    for name in (
        "extra.pkl",
        "model.pt",
        "golden/extra.png",
        "manifest.json.partial",
        "sitecustomize.py",
        "numpy.py",
        "torch.py",
    ):
        for way in ("onnx", "torch"):
            yield Case(
                f"{name} beside",
                way,
                lambda f, n=name: (_write(f / n, f"open({str(canaries.code)!r}, 'w')".encode()), fit_again(f)),
            )


def _rewritten(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    _write(folder / name, change((folder / name).read_bytes()))
    if name != "manifest.json":
        fit_again(folder)


def _flipped(content: bytes, at: float) -> bytes:
    changed = bytearray(content)
    changed[int(len(changed) * at)] ^= 0x55
    return bytes(changed)


def _linked(place: Path, target: Path) -> None:
    place.unlink()
    place.symlink_to(target)


def _folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


def _pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def _sparse(folder: Path, name: str) -> None:
    with (folder / name).open("r+b") as stream:
        stream.truncate(2**40)
    if name != "manifest.json":
        _edit(folder, lambda m: m["files"].update({name: {"bytes": 2**40, "sha256": "0" * 64}}))


# ── model.onnx ───────────────────────────────────────────────────────────────────────────────────────────────────


def number(value: int, *, wide: int = 0) -> bytes:
    """A number of a protocol buffer, in more bytes than it needs where `wide` says so."""
    groups = []
    while True:
        groups.append(value & 0x7F)
        value >>= 7
        if not value:
            break
    groups += [0] * wide
    return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])


def run(field: int, content: bytes, *, key_wide: int = 0, length_wide: int = 0, high: int = 0) -> bytes:
    """A field of bytes; `high` adds bits to its number that some readers cut off."""
    return number((field << 3 | 2) | high, wide=key_wide) + number(len(content), wide=length_wide) + content


def graph_of(nodes: list[Any], constants: dict[str, Any] | None = None, shape: Any = ("N", N_OUTPUTS)) -> bytes:
    """A model that reads pictures; its nodes take `pixels` and give `outputs`."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", SIZE_PX, SIZE_PX, 3])],
        [helper.make_tensor_value_info("outputs", TensorProto.FLOAT, list(shape))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()


def ends_well(nodes: list[Any], source: str, constants: dict[str, Any]) -> bytes:
    """`source`, of any shape, is reduced to one number for each picture and output."""
    more = [
        helper.make_node("ReduceMax", [source], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["most_f"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes12"], ["means"], keepdims=0),
        helper.make_node("Add", ["means", "most_f"], ["outputs"]),
    ]
    return graph_of([*nodes, *more], {"axes12": np.array([1, 2]), **constants})


def _node(operator: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return helper.make_node(operator, inputs, [output], **attributes)


def _if(external: bool = False) -> bytes:
    branch = helper.make_graph(
        [_node("Constant", [], "b", value=numpy_helper.from_array(np.zeros((1, N_OUTPUTS), np.float32)))],
        "b",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, N_OUTPUTS])],
    )
    return graph_of([_node("If", ["yes"], "outputs", then_branch=branch, else_branch=branch)], {"yes": np.array(True)})


def _loop() -> bytes:
    body = helper.make_graph(
        [_node("Identity", ["go"], "go_on"), _node("Add", ["x", "x"], "y")],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, N_OUTPUTS]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, N_OUTPUTS]),
        ],
    )
    constants = {"times": np.array(2**62), "yes": np.array(True), "x0": np.zeros((1, N_OUTPUTS), np.float32)}
    return graph_of([_node("Loop", ["times", "yes", "x0"], "outputs", body=body)], constants)


def graphs() -> Iterator[tuple[str, bytes]]:  # noqa: PLR0915 - a list of cases
    """Graphs that take much, name files, or answer what is no answer."""
    big = np.array([200_000, 200_000])
    yield "If", _if()
    yield "Loop", _loop()
    yield "ConstantOfShape 40 GB", ends_well([_node("ConstantOfShape", ["big"], "x")], "x", {"big": big})
    yield (
        "ConstantOfShape 2**62",
        ends_well([_node("ConstantOfShape", ["big"], "x")], "x", {"big": np.array([2**31 - 1, 2**31 - 1])}),
    )
    yield "Expand 40 GB", ends_well([_node("Expand", ["one", "big"], "x")], "x", {"one": np.float32([[1]]), "big": big})
    yield "Tile 40 GB", ends_well([_node("Tile", ["one", "big"], "x")], "x", {"one": np.float32([[1]]), "big": big})
    yield (
        "Range 80 GB",
        ends_well(
            [_node("Range", ["zero", "far", "step"], "x")],
            "x",
            {"zero": np.array(0), "far": np.array(10**10), "step": np.array(1)},
        ),
    )
    yield (
        "Range never",
        ends_well(
            [_node("Range", ["zero", "far", "step"], "x")],
            "x",
            {"zero": np.array(0), "far": np.array(2**62), "step": np.array(1)},
        ),
    )
    yield (
        "Range by zero",
        ends_well(
            [_node("Range", ["zero", "far", "step"], "x")],
            "x",
            {"zero": np.array(0), "far": np.array(5), "step": np.array(0)},
        ),
    )
    outer = {"row": np.ones((1, 100_000), np.float32), "column": np.ones((100_000, 1), np.float32)}
    yield "outer product 40 GB", ends_well([_node("MatMul", ["column", "row"], "x")], "x", outer)
    yield "broadcast 40 GB", ends_well([_node("Add", ["column", "row"], "x")], "x", outer)
    chain = [_node("Concat", [f"x{i}"] * 2, f"x{i + 1}", axis=0) for i in range(34)]
    yield "doubled 34 times", ends_well(chain, "x34", {"x0": np.ones(1, np.float32)})
    many = [_node("MatMul", [f"m{i}", "m0"], f"m{i + 1}") for i in range(3000)]
    yield "3,000 large products", ends_well(many, "m3000", {"m0": np.full((512, 512), 1 / 512, np.float32)})
    cast = _node("Cast", ["pixels"], "p64", to=TensorProto.INT64)
    sum_all = _node("ReduceSum", ["p64", "all"], "total", keepdims=0)
    by_pixels = {"all": np.array([0, 1, 2, 3]), "minus": np.array([-1]), "one": np.float32([1])}
    shaped = _node("Reshape", ["total", "minus"], "size")
    yield "Expand by pixels", ends_well([cast, sum_all, shaped, _node("Expand", ["one", "size"], "x")], "x", by_pixels)
    yield "Tile by pixels", ends_well([cast, sum_all, shaped, _node("Tile", ["one", "size"], "x")], "x", by_pixels)
    yield (
        "ConstantOfShape by pixels",
        ends_well([cast, sum_all, shaped, _node("ConstantOfShape", ["size"], "x")], "x", by_pixels),
    )
    yield (
        "Range by pixels",
        ends_well(
            [cast, sum_all, _node("Range", ["zero", "total", "step"], "x")],
            "x",
            {**by_pixels, "zero": np.array(0), "step": np.array(1)},
        ),
    )
    yield "NonZero", ends_well([_node("NonZero", ["pixels"], "x")], "x", {})
    yield (
        "Pad by pixels",
        ends_well(
            [
                cast,
                sum_all,
                shaped,
                _node("Concat", ["size", "size"], "pads", axis=0),
                _node("Pad", ["one", "pads"], "x"),
            ],
            "x",
            by_pixels,
        ),
    )
    sized = [
        _node("Shape", ["pixels"], "shape"),
        _node("Gather", ["shape", "first"], "n"),
        _node("Sub", ["limit", "n"], "less"),
        _node("Mul", ["less", "n"], "hill"),
        _node("Mul", ["hill", "much"], "size"),
        _node("Expand", ["one", "size"], "x"),
    ]
    yield (
        "most memory at 16 pictures",
        ends_well(
            sized,
            "x",
            {"first": np.array([0]), "limit": np.array([33]), "much": np.array([10**7]), "one": np.float32([1])},
        ),
    )
    floats = _node("Cast", ["pixels"], "f", to=TensorProto.FLOAT)
    yield (
        "Resize a thousandfold",
        ends_well([floats, _node("Resize", ["f", "", "by"], "x")], "x", {"by": np.float32([1, 1000, 1000, 1])}),
    )
    yield (
        "convolution with pads of 2**30",
        ends_well(
            [
                floats,
                _node("Transpose", ["f"], "c", perm=[0, 3, 1, 2]),
                _node("Conv", ["c", "w"], "x", pads=[2**30] * 4),
            ],
            "x",
            {"w": np.ones((1, 3, 1, 1), np.float32)},
        ),
    )
    yield (
        "pooling with pads of 10**5",
        ends_well(
            [floats, _node("AveragePool", ["f"], "x", kernel_shape=[100_000, 100_000], pads=[99_999] * 4)], "x", {}
        ),
    )
    yield "Einsum 40 GB", ends_well([_node("Einsum", ["column", "row"], "x", equation="ij,jk->ik")], "x", outer)
    yield (
        "LSTM of 10**9",
        ends_well(
            [_node("LSTM", ["a", "w", "r"], "x", hidden_size=10**9)],
            "x",
            {
                "a": np.ones((1, 1, 1), np.float32),
                "w": np.ones((1, 4, 1), np.float32),
                "r": np.ones((1, 4, 1), np.float32),
            },
        ),
    )
    means = [floats, _node("ReduceMean", ["f", "axes12"], "means", keepdims=0)]
    axes = {"axes12": np.array([1, 2])}
    yield (
        "answers NaN",
        graph_of([*means, _node("Mul", ["means", "odd"], "outputs")], {**axes, "odd": np.float32([np.nan, 1, 1])}),
    )
    yield (
        "answers infinity",
        graph_of([*means, _node("Mul", ["means", "odd"], "outputs")], {**axes, "odd": np.float32([np.inf, 1, 1])}),
    )
    yield (
        "answers NaN for some pixels",
        graph_of(
            [*means, _node("Sub", ["means", "odd"], "s"), _node("Log", ["s"], "outputs")],
            {**axes, "odd": np.float32([100, 100, 100])},
        ),
    )
    yield "answers more rows", graph_of([*means, _node("Concat", ["means", "means"], "outputs", axis=0)], axes)
    yield "answers more columns", graph_of([*means, _node("Concat", ["means", "means"], "outputs", axis=1)], axes)
    yield (
        "answers fewer columns",
        graph_of(
            [*means, _node("Slice", ["means", "a", "b", "axis"], "outputs")],
            {**axes, "a": np.array([0]), "b": np.array([2]), "axis": np.array([1])},
        ),
    )
    yield "answers text", graph_of([_node("Cast", ["pixels"], "outputs", to=TensorProto.STRING)])
    yield (
        "foreign domain",
        graph_of([*means, helper.make_node("Identity", ["means"], ["outputs"], domain="evil")], axes),
    )
    for operator in (
        "Scan",
        "SequenceEmpty",
        "StringNormalizer",
        "RandomNormal",
        "Multinomial",
        "NonMaxSuppression",
        "Unique",
        "Compress",
        "TopK",
        "RegexFullMatch",
        "ImageDecoder",
        "Optional",
    ):
        yield (
            f"operator {operator}",
            graph_of([*means, _node(operator, ["means"], "x"), _node("Identity", ["means"], "outputs")], axes),
        )
    nested = graph_of([*means, _node("Identity", ["means"], "outputs")], axes)
    model = onnx.load_model_from_string(nested)
    model.functions.append(
        helper.make_function("here", "f", ["a"], ["b"], [_node("Identity", ["a"], "b")], [helper.make_opsetid("", 18)])
    )
    yield "functions", model.SerializeToString()
    for kind in range(0, 30):
        model = onnx.load_model_from_string(nested)
        model.graph.initializer[0].data_type = kind
        yield f"a constant of type {kind}", model.SerializeToString()
    for dims in ([2**62], [2**32, 2**32], [-1], [0], [2] * 64, [10**6, 10**6]):
        model = onnx.load_model_from_string(nested)
        del model.graph.initializer[0].dims[:]
        model.graph.initializer[0].dims.extend(dims)
        yield f"a constant of shape {dims[:3]}", model.SerializeToString()


def external_in_many_ways(canaries: Canaries) -> Iterator[tuple[str, bytes]]:
    """A tensor that says it lies in the canary, written so that readers may differ."""
    good = graph_of(
        [
            _node("Cast", ["pixels"], "f", to=TensorProto.FLOAT),
            _node("ReduceMean", ["f", "axes12"], "m", keepdims=0),
            _node("Add", ["m", "w"], "outputs"),
        ],
        {"axes12": np.array([1, 2])},
    )
    for location in (str(canaries.secret), "../canaries/secret.bin", "secret.bin", "*/_ORT_MEM_ADDR_/*"):
        entries = run(13, run(1, b"location") + run(2, location.encode()))
        entries += run(13, run(1, b"length") + run(2, b"12"))
        head = number(1 << 3) + number(3) + number(2 << 3) + number(1) + run(8, b"w")
        for name, extra in {
            "plain": entries + number(14 << 3) + number(1),
            "without a place": entries,
            "place alone": number(14 << 3) + number(1),
            "place in ten bytes": entries + number(14 << 3) + number(1, wide=8),
            "wide keys": _wide(entries) + number(14 << 3, wide=3) + number(1),
            "keys beyond 32 bits": run(13, run(1, b"location") + run(2, location.encode()), high=1 << 35)
            + number((14 << 3) | 1 << 35)
            + number(1),
            "keys beyond 64 bits": number(14 << 3 | 1 << 66) + number(1) + entries,
            "place twice": entries + number(14 << 3) + number(1) + number(14 << 3) + number(0),
            "place zero then one": entries + number(14 << 3) + number(0) + number(14 << 3) + number(1),
            "place as bytes": entries + run(14, b"\x01"),
            "within a group": number(14 << 3 | 3) + number(14 << 3) + number(1) + number(14 << 3 | 4) + entries,
            "with data too": run(9, bytes(12)) + entries + number(14 << 3) + number(1),
            "wide lengths": run(13, run(1, b"location", length_wide=2) + run(2, location.encode(), length_wide=3))
            + number(14 << 3)
            + number(1),
        }.items():
            tensor = head + extra
            yield f"external data, {name}, {location[-12:]}", good + run(7, run(5, tensor))
            yield (
                f"external data, {name}, {location[-12:]}, in a wide graph",
                good + run(7, run(5, tensor, key_wide=2), key_wide=1),
            )
    attribute = (
        run(1, b"value")
        + run(5, number(1 << 3) + number(3) + number(2 << 3) + number(1) + run(13, run(1, b"location") + run(2, b"x")))
        + number(20 << 3)
        + number(4)
    )
    yield "external data in an attribute", good + run(7, run(1, run(2, b"w") + run(4, b"Constant") + run(5, attribute)))


def _wide(entries: bytes) -> bytes:
    return b"\xea\x80\x00" + entries[1:] if entries[:1] == b"j" else entries


def crooked(good: bytes) -> Iterator[tuple[str, bytes]]:
    """A model written in a way that not everybody reads alike."""
    yield "unknown field", good + run(99, b"x")
    yield "unknown number", good + number(99 << 3) + number(1)
    yield "field 0", good + b"\x02\x00"
    yield "group", good + number(30 << 3 | 3) + number(30 << 3 | 4)
    yield "wire type 6", good + b"\x3e\x00"
    yield "two graphs", good + good
    yield "graph as a number", good + number(7 << 3) + number(1)
    yield "ir_version twice", good + number(1 << 3) + number(9)
    yield "ir_version wide", good[:1] + b"\x8a\x00" + good[2:]
    yield "endless number", good + b"\xff" * 40
    yield "run beyond the end", good + number(6 << 3 | 2) + number(2**40) + b"x"
    yield "half of a key", good + b"\x80"
    yield "nothing", b""
    yield "text", b"hello" * 100
    yield "zeros", bytes(10_000)
    deep = b""
    for _ in range(3000):
        deep = run(7, run(1, run(5, run(6, deep))))
    yield "3,000 levels", deep
    rng = np.random.default_rng(7)
    for i in range(60):
        changed = bytearray(good)
        for at in rng.integers(0, len(good), 1 + i % 4):
            changed[at] = rng.integers(0, 256)
        yield f"bytes changed, {i}", bytes(changed)


def onnx_cases(good: Path, canaries: Canaries) -> Iterator[Case]:
    content = (good / "model.onnx").read_bytes()
    for name, model in [*graphs(), *external_in_many_ways(canaries), *crooked(content)]:
        yield Case(f"model.onnx: {name}", "onnx", lambda f, m=model: _rewritten(f, "model.onnx", lambda c: m))


# ── model.safetensors ────────────────────────────────────────────────────────────────────────────────────────────


def weights_cases(good: Path) -> Iterator[Case]:
    content = (good / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    first = next(name for name in header if name != "__metadata__")

    def packed(changed: Any, said: int | None = None) -> bytes:
        text = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return struct.pack("<Q", len(text) if said is None else said) + text + data

    lies: dict[str, bytes] = {
        "header of 2**63 bytes": packed(header, 2**63),
        "header of 0 bytes": packed(header, 0),
        "header of 99 MB": packed(header, 99_000_000),
        "header is a list": packed([]),
        "header is deep": packed(b"[" * 90_000),
        "a key twice": packed(b"{" + b",".join([b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'] * 2) + b"}"),
        "nothing at all": b"",
        "no data": content[: 8 + length],
    }
    for key, value in [
        ("shape", [10**9, 10**9]),
        ("shape", [-1]),
        ("shape", [2**62, 4]),
        ("shape", "x"),
        ("shape", [1.5]),
        ("dtype", "F128"),
        ("dtype", "pickle"),
        ("dtype", None),
        ("data_offsets", [0, 2**60]),
        ("data_offsets", [-8, 0]),
        ("data_offsets", [8, 0]),
        ("data_offsets", []),
        ("data_offsets", [0, 0]),
    ]:
        lies[f"{key} = {value}"] = packed({**header, first: {**header[first], key: value}})
    lies["one tensor less"] = packed({name: said for name, said in header.items() if name != first})
    lies["one tensor more"] = packed(
        {**header, "evil": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}
    )
    lies["100,000 tensors"] = packed(
        {**header, **{f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(100_000)}}
    )
    for name, lie in lies.items():
        yield Case(
            f"model.safetensors: {name}", "torch", lambda f, c=lie: _rewritten(f, "model.safetensors", lambda _: c)
        )
    for features in (10**9, 10**6, 100_000):
        yield Case(
            f"features={features}",
            "torch",
            lambda f, n=features: _edit(f, lambda m: m["architecture"].update(features=n)),
        )


# ── golden examples and data.json ────────────────────────────────────────────────────────────────────────────────


def png_of(width: int, height: int) -> bytes:
    """A picture that is small as a file."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    line = bytes(1 + 3 * width)
    rows = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def golden_cases(good: Path, canaries: Canaries) -> Iterator[Case]:
    expected = json.loads((good / "golden" / "expected.json").read_text())
    picture = expected["inputs"][0]
    bombs = {
        "10,000 × 8,000": png_of(10_000, 8_000),
        "1 × 70,000,000": png_of(1, 60_000),
        "says 2**31": png_of(4, 4)[:16] + struct.pack(">II", 2**31 - 1, 2**31 - 1) + png_of(4, 4)[24:],
        "a GIF of nothing": b"GIF89a",
        "40 MB": bytes(40 * 2**20),
    }
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([_Evil(canaries.code)], object))
    bombs["npy with code"] = stream.getvalue()
    for name, content in bombs.items():
        yield Case(
            f"golden picture: {name}", "onnx", lambda f, c=content: _rewritten(f, f"golden/{picture}", lambda _: c)
        )
    changes: dict[str, Any] = {
        "tolerance 1e30": {"tolerance": 1e30},
        "tolerance 0": {"tolerance": 0},
        "no inputs": {"inputs": [], "outputs": []},
        "100,000 inputs": {"inputs": [picture] * 100_000, "outputs": [[0.0] * 3] * 100_000},
        "inputs elsewhere": {"inputs": ["../../canaries/secret.bin"] * len(expected["inputs"])},
        "an absolute input": {"inputs": [str(canaries.secret)] * len(expected["inputs"])},
        "outputs of other widths": {"outputs": [[0.0]] * len(expected["inputs"])},
        "ragged outputs": {"outputs": [[0.0] * i for i in range(1, 1 + len(expected["inputs"]))]},
        "huge outputs": {"outputs": [[1e308] * 3] * len(expected["inputs"])},
        "inputs are numbers": {"inputs": [1, 2, 3, 4]},
    }
    for name, change in changes.items():
        text = json.dumps({**expected, **change}).encode()
        yield Case(f"golden: {name}", "onnx", lambda f, t=text: _rewritten(f, "golden/expected.json", lambda _: t))


def data_cases(good: Path, canaries: Canaries) -> Iterator[Case]:
    reading = json.loads((good / "data.json").read_text())
    digests = reading["split"]["valid"] + reading["split"]["test"] + reading["split"]["train"]
    changes: dict[str, Any] = {
        "source is the canaries": {"source": str(canaries.folder)},
        "source is /": {"source": "/"},
        "source is a number": {"source": 5},
        "source is /dev/zero": {"source": "/dev/zero"},
        "source has a NUL": {"source": "a\x00b"},
        "source is long": {"source": "a" * 10**6},
        "relabelled": {"spec": {**reading["spec"], "relabelled": dict.fromkeys(digests, "red")}},
        "relabelled oddly": {"spec": {**reading["spec"], "relabelled": {"x": [1, "a", None]}}},
        "a pattern that never ends": {"spec": {**reading["spec"], "group": "(a+)+$|((b*)*)*c", "group_by": "pattern"}},
        "a pattern that is none": {"spec": {**reading["spec"], "group": "((((", "group_by": "pattern"}},
        "spec is a list": {"spec": []},
        "split is empty": {"split": {}},
        "another layout": {"spec": {**reading["spec"], "layout": "evil"}},
        "parts overlap": {"split": {**reading["split"], "train": digests, "valid": digests}},
        "constant answer is text": {"constant_answer": "x"},
        "constant answer is long": {"constant_answer": [0.1] * 10**6},
        "an unknown key": {"evil": 1},
    }
    for name, change in changes.items():
        text = json.dumps({**reading, **change}).encode()
        yield Case(f"data.json: {name}", "evaluate", lambda f, t=text: _rewritten(f, "data.json", lambda _: t))
        if name.startswith(("source", "a pattern")):
            yield Case(f"data.json: {name}", "learner", lambda f, t=text: _rewritten(f, "data.json", lambda _: t))
    for text in ("", "null", "[" * 50_000, '{"split":' * 500, '{"spec": NaN, "split": 1}', " " * (65 * 2**20)):
        yield Case(
            f"data.json is {text[:12]!r}",
            "evaluate",
            lambda f, t=text: _rewritten(f, "data.json", lambda _: t.encode()),
        )


def cases(good: Path, canaries: Canaries) -> list[Case]:
    """All of them, in a fixed order."""
    return [
        *manifest_cases(good, canaries),
        *option_cases(canaries),
        *file_cases(good, canaries),
        *onnx_cases(good, canaries),
        *weights_cases(good),
        *golden_cases(good, canaries),
        *data_cases(good, canaries),
    ]
