"""What every kind of input keeps to: those of the table, and a toy kind that is no part of drivetrain."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from drivetrain.data.cache.location import CachePlace
from drivetrain.data.cache.store import Store
from drivetrain.data.inputs import Files
from drivetrain.errors import ArtefactError, DataError, DrivetrainWarning, InputError
from drivetrain.export.converting import convert
from drivetrain.export.golden import made_up
from drivetrain.export.parity import compare
from drivetrain.kinds.binaries.spec import Spec as BinarySpec
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.kinds.ratings.spec import Spec as RatingsSpec
from drivetrain.kinds.sounds.mel import picture_front
from drivetrain.kinds.sounds.spec import SoundInput
from drivetrain.kinds.tables.columns import CategoryColumn, DateColumn, NumberColumn
from drivetrain.kinds.tables.spec import Spec as TableSpec
from drivetrain.kinds.texts.spec import Spec as TextSpec
from drivetrain.kinds.texts.terms import fit_terms
from drivetrain.kinds.traces.spec import Spec as TraceSpec
from drivetrain.runtime.kinds import add_kind, packages
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.onnx.file import safe_model
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.spec import InputSpec, random_views, read_spec
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.serving.plain import serve_kind
from drivetrain.serving.settings import Limits
from drivetrain.training.exporting import EXACT, Deployed
from drivetrain.training.fast.inference import TorchEngine, for_inference
from drivetrain.training.kind import rebuild_network
from tests.kinds.toy.spec import Spec
from tests.runtime.models import describe

add_kind("toy", "tests.kinds.toy")


@dataclass(frozen=True)
class Sample:
    """What the tests need of a kind beside its faces."""

    spec: InputSpec
    encoded: Callable[[int], bytes]
    """A file, another one for each number."""
    arch: str
    features: int
    lost: float
    """Largest mean difference of views that encoding anew may make."""
    in_files: bool = True
    reads_anything: bool = False
    """Whether any bytes are an input, but none at all."""
    also: frozenset[str] = frozenset()
    """Names of what is hostile to other kinds and an input of this one; half of such an input is one, too."""
    complete: bool = True
    """Whether a network made from the description alone can answer."""


def smooth_picture(seed: int) -> bytes:
    stream, rng = io.BytesIO(), np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    coarse.resize((40 + seed, 48), Image.Resampling.BICUBIC).save(stream, "PNG")
    return stream.getvalue()


def wave(seed: int) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.sin(np.arange(50 + seed) * (seed + 1) / 9))
    return stream.getvalue()


def tone(seed: int) -> bytes:
    wave = np.sin(np.arange(2000 + 100 * seed) * (seed + 1) / 30) * np.linspace(0.1, 0.8, 2000 + 100 * seed)
    stream = io.BytesIO()
    soundfile.write(stream, wave, 8000, format="FLAC")
    return stream.getvalue()


def table_row(seed: int) -> bytes:
    return json.dumps(
        {"age": 20 + seed, "town": ("Bern", "Chur", "Zug")[seed % 3], "day": f"2026-01-{seed + 1:02}"}
    ).encode()


def scribble(seed: int) -> bytes:
    steps = np.cumsum(np.random.default_rng(seed).normal(0, 9, (60, 2)), axis=0).round().tolist()
    events = ["click" if i % 20 == 0 else "move" for i in range(60)]
    points = [{"t_ms": 16 * i, "x": x, "y": y, "event": events[i]} for i, (x, y) in enumerate(steps)]
    return json.dumps({"points": points}).encode()


def rating_row(seed: int) -> bytes:
    return json.dumps({"user": ("ann", "bob", "new")[seed % 3], "item": f"book {seed}"}).encode()


LETTERS = CategoryTarget(name="letter", vocab=("a", "b", "c"))
PICTURES = PictureInput(channels=3, size_px=32, crop_pct=0.9, mean=(0.5,) * 3, std=(0.25,) * 3)
TABLE = TableSpec(
    columns=(
        NumberColumn(name="age", center=30, scale=10),
        CategoryColumn(name="town", vocab=("Bern", "Chur"), counts=(5, 3)),
        DateColumn(name="day", center=20_000, scale=30, parts=("elapsed", "weekday")),
    )
)
SOUNDS = SoundInput.of(picture_front(8000, n_mels=32), clip_s=0.32)


def program(seed: int) -> bytes:
    """The header of an ELF file, and something like code behind it."""
    rng = np.random.default_rng(seed)
    return b"\x7fELF\x02\x01\x01" + bytes(9) + rng.integers(0, 200, 3000 + 700 * seed, dtype=np.uint8).tobytes()


def sentence(seed: int) -> bytes:
    return f"Where is my {('card', 'pin', 'money')[seed % 3]}? I have waited {seed + 2} weeks".encode()


TEXTS = TextSpec().reading(terms=fit_terms([sentence(seed).decode() for seed in range(4)], least=1))
RATINGS = RatingsSpec(user="user", item="item", users=("ann", "bob"), items=("book 0", "book 1"), scale=(1, 5))
SAMPLES = {
    "binaries": Sample(BinarySpec(height_px=32, width_px=32), program, "test_resnet", 96, 0.0, reads_anything=True),
    "images": Sample(PICTURES, smooth_picture, "test_resnet", 96, 6.0),
    "sounds": Sample(SOUNDS, tone, "test_resnet", 96, 0.0),
    "ratings": Sample(RATINGS, rating_row, "factors", 2, 0.0, in_files=False, complete=False),
    "table": Sample(TABLE, table_row, "tabular", 16, 0.0, in_files=False, complete=False),
    "traces": Sample(TraceSpec(windows=3, side_px=32), scribble, "test_resnet", 96, 0.0),
    "texts": Sample(TEXTS, sentence, "terms", 2, 0.0, also=frozenset({"text", "deep"}), complete=False),
    "toy": Sample(Spec(points=32), wave, "conv1d", 16, 0.0),
}


@pytest.fixture(params=sorted({*packages(), "toy"}))
def kind(request: pytest.FixtureRequest) -> str:
    assert request.param in SAMPLES, f"add a sample of {request.param} to the contract test"
    return request.param


@pytest.fixture
def sample(kind: str) -> Sample:
    return SAMPLES[kind]


def views_of(sample: Sample, n: int) -> list[Any]:
    return [sample.spec.view(sample.spec.load(sample.encoded(i))) for i in range(n)]


@pytest.mark.parametrize("n", [1, 3])
def test_what_is_loaded_viewed_and_stacked_fits_the_signature(sample: Sample, n: int) -> None:
    batch, signature = sample.spec.stack(views_of(sample, n)), sample.spec.signature()
    made = random_views(signature, n)
    assert len(batch) == len(made) == len(signature)
    for array, noise, (_, dtype, shape, _) in zip(batch, made, signature, strict=True):
        assert array.dtype == noise.dtype == dtype and len(array) == len(noise) == n
        assert all(side in (None, found) for side, found in zip(shape, array.shape[1:], strict=True))
    assert len({spec.name for spec in signature}) == len(signature)


def test_encoding_anew_changes_little(sample: Sample) -> None:
    spec = sample.spec
    for i, loaded in enumerate([spec.load(sample.encoded(1)), *made_up(spec, 2)]):
        content, suffix = spec.encode(loaded)
        assert isinstance(content, bytes) and suffix.startswith(".")
        for found, known in zip(spec.view(spec.load(content)), spec.view(loaded), strict=True):
            assert found.shape == known.shape
            assert i > 0 or np.abs(found.astype(float) - known.astype(float)).mean() <= sample.lost


def test_a_description_survives_json_and_cannot_be_changed(sample: Sample) -> None:
    said = json.loads(Manifest.model_validate({**describe(input=sample.spec), "files": {}}).model_dump_json())["input"]
    again = read_spec(said)
    assert again == sample.spec and type(again) is type(sample.spec) and again.signature() == sample.spec.signature()
    with pytest.raises(ValueError, match="frozen"):
        again.kind = "other"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValueError, match="colour"):
        read_spec({**said, "colour": "red"})


def test_keys_are_the_same_for_equal_descriptions(sample: Sample) -> None:
    key = sample.spec.cache_key()
    assert key is None or (isinstance(key, str) and key)
    assert read_spec(sample.spec.model_dump(mode="json")).cache_key() == key


def test_statistics_are_finite_and_have_the_same_names(sample: Sample) -> None:
    found = [sample.spec.statistics(sample.spec.load(sample.encoded(i))) for i in range(3)]
    told = [value for one in found for value in one.values() if value is not None and not isinstance(value, str)]
    assert np.isfinite(told).all()
    assert len({tuple(one) for one in found}) == 1
    assert all(isinstance(content, bytes) for content in sample.spec.files().values())


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


def says(shape: str) -> bytes:
    """The header of an array far larger than the file."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(8)


HOSTILE = {
    "empty": b"",
    "garbage": bytes(range(256)) * 4,
    "deep": b"[" * 100_000,
    "text": b"pear",
    "objects": npy(np.array([None, {}], object)),
    "complex": npy(np.ones(8, complex)),
    "words": npy(np.array(["a", "b"])),
    "nothing": npy(np.ones((0,))),
    "no sides": npy(np.array(1.0)),
    "not finite": npy(np.array([np.nan, 1.0])),
    "huge": says("(99999999999,)"),
    "huge and deep": says("(99999, 99999, 99999)"),
    "negative": says("(-5,)"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_inputs_are_input_errors(sample: Sample, what: str, tmp_path: Any) -> None:
    if what in sample.also or (sample.reads_anything and what != "empty"):
        assert len(sample.spec.view(sample.spec.load(HOSTILE[what]))) == len(sample.spec.signature())
        return
    for source in (HOSTILE[what], tmp_path / "file.npy"):
        if source is not HOSTILE[what]:
            source.write_bytes(HOSTILE[what])
        with pytest.raises(InputError, match="To fix: ") as caught:
            sample.spec.load(source)
        assert isinstance(caught.value, DataError)


def test_what_is_cut_short_or_gone_is_an_input_error(sample: Sample, tmp_path: Any) -> None:
    whole = sample.encoded(0)
    cut = () if sample.reads_anything or sample.also else (whole[: len(whole) // 2], whole[:10])
    for source in (*cut, tmp_path / "gone", tmp_path):
        with pytest.raises(InputError):
            sample.spec.load(source)


@pytest.mark.parametrize("limit", [0, 10**8], ids=["no cache", "cache"])
def test_a_store_gives_what_is_loaded(sample: Sample, limit: int, tmp_path: Any) -> None:
    if not sample.in_files:
        pytest.skip("its rows are cells, which the store does not keep")
    paths = [tmp_path / str(i) for i in range(4)]
    for i, path in enumerate(paths):
        path.write_bytes(sample.encoded(i))
    digests = [hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in paths]
    for _ in range(2):
        store = Store(Files(paths), sample.spec, digests=digests, cache=CachePlace(tmp_path / "cache", limit))
        for _ in range(2):
            for path, found in zip(paths, store.get(range(4)), strict=True):
                assert found is not None
                for array, known in zip(found, sample.spec.load(path), strict=True):
                    np.testing.assert_array_equal(array, known)
                    assert array.dtype == known.dtype and not array.flags.writeable
    paths[1].write_bytes(sample.encoded(9))
    with pytest.warns(DrivetrainWarning, match="To fix"):
        Store(Files(paths), sample.spec, digests=["0" * 32] * 4, cache=CachePlace(tmp_path, 0)).get([1])


def network_of(sample: Sample) -> Any:
    architecture = Architecture(name=sample.arch, pretrained_from=None, features=sample.features, dropout=0.0)
    said = describe(
        input=sample.spec, architecture=architecture, target=CategoryTarget(name="t", vocab=("a", "b", "c"))
    )
    return rebuild_network(Manifest.model_validate({**said, "files": {}})).eval()


def test_what_is_exported_says_what_was_trained(sample: Sample) -> None:
    if not sample.complete:
        pytest.skip("no network of it can be made from the description alone; its own tests export its models")
    network, signature = network_of(sample), sample.spec.signature()
    views = sample.spec.stack(views_of(sample, 9))
    folded, _ = for_inference(network, EXACT, views)
    trained = TorchEngine(network, EXACT)
    model = convert(Deployed(folded).eval(), signature, 3, "torchscript")
    assert safe_model(model, "model.onnx").rising
    engine = OnnxEngine(model, threads=1)
    assert [spec.name for spec in engine.signature] == [spec.name for spec in signature]
    parity = compare(engine, views, trained(*views), trained, LETTERS, signature=signature)
    assert parity.problem is None and parity.n == 9


def test_a_service_admits_what_the_description_reads_and_refuses_the_rest(kind: str, sample: Sample) -> None:
    serving = serve_kind(sample.spec.kind)
    admitted = serving.admit(sample.encoded(2), Limits(), sample.spec)
    found = sample.spec.load(serving.source(admitted))
    for array, known in zip(found, sample.spec.load(sample.encoded(2)), strict=True):
        np.testing.assert_array_equal(array, known)
    assert admitted.suffix.startswith(".") and not admitted.large
    assert (serving.PAGE / "ask.html").is_file() and (serving.PAGE / "page.js").is_file()
    for name, content in HOSTILE.items():
        if name in sample.also or (sample.reads_anything and name != "empty"):
            continue
        with pytest.raises((Refusal, InputError)):
            sample.spec.load(serving.source(serving.admit(content, Limits(), sample.spec)))
            pytest.fail(name)


@pytest.mark.parametrize("tag", ["smell", "os", "drivetrain.kinds.images", "../toy", 7, None, ["toy"]])
def test_a_kind_that_nobody_knows_is_an_artefact_error_and_imports_nothing(tag: Any) -> None:
    with pytest.raises(ArtefactError, match=r"reads inputs of the kind .*which is not known here.*To fix: install"):
        read_spec({"kind": tag})
    with pytest.raises(ArtefactError, match="not known here"):
        Manifest.model_validate({**describe(input={"kind": tag}), "files": {}})


def test_a_kind_whose_package_is_gone_is_an_artefact_error() -> None:
    add_kind("gone", "tests.kinds.gone")
    try:
        with pytest.raises(ArtefactError, match="'gone', which cannot be used"):
            read_spec({"kind": "gone"})
    finally:
        from drivetrain.runtime import kinds

        kinds._added.pop("gone")
