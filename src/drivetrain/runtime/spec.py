"""What the ground floor asks of the description of an input, whatever its kind; no library of training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import ArtefactError, DrivetrainError, InputError, SettingError
from drivetrain.runtime.files.below import CLASSES, holds_inputs, inputs_below, is_shard
from drivetrain.runtime.files.zipped import in_folder
from drivetrain.runtime.kinds import face, kind_name, packages
from drivetrain.settings import shown
from drivetrain.text import readable, short_reason

Arrays = tuple[NDArray[Any], ...]
Statistic = float | str | None
"""What is watched of an input: a number, a name, or that there is none."""
"""One row's input, or a batch of them: one array per input of the network."""


class TensorSpec(NamedTuple):
    """One input of the network, for one row."""

    name: str
    dtype: str
    """As numpy names it: "uint8", "float32", "int64"."""
    shape: tuple[int | None, ...]
    """Of one row, without the batch; None: any length."""
    below: int | None = None
    """Whole numbers lie between 0 and this, which is left out; None: all that the type holds."""


class RowPart(NamedTuple):
    """Some rows of what was handed over as many, read together."""

    views: Arrays
    """A batch of those that can be read; nothing where none can."""
    errors: Mapping[int, str]
    """Place among the rows, from 0 → why this one cannot be read."""
    n: int
    """Rows, with those that cannot be read."""
    path: str | None = None
    """The file that they are from."""
    first: int | None = None
    """Number of the first row in that file, from 1."""
    paths: Sequence[str | None] | None = None
    """Instead of one file, that of each row."""


class InputSpec(Protocol):
    """How a source becomes what the network reads; a frozen pydantic model, whose JSON is in the manifest.

    Two steps, so that training can make its own views between them: ``source ── load ──▶ loaded ── view ──▶ view``.

    The face `spec` of a kind holds the class under the name `Spec`. Beyond what is listed here a class may have

    * ``load_file(path) -> (loaded, digest)``: `load`, and the SHA-256 of the very bytes that were decoded;
    * ``source(given)`` and ``sources(given)``: what people hand over as one row or as many, in a form that `load`
      takes, see `source_of` and `sources_of`;
    * ``parts(given, at_once)``: instead of `sources`, the rows of what people hand over as many, as `RowPart`s: where
      reading rows together is faster than one by one; and ``is_table(given)``: whether something is many rows by
      itself;
    * ``stretches(source)``: the pieces of an input that is longer than the network reads at once, as
      `drivetrain.runtime.over_time.Pieces`, else None; such an input is answered by all of them, and with times;
    * ``over_time(loaded)``: the views of the same pieces of a row that was loaded, one by one; None where the view of
      the row leaves nothing of it out: so that rows are judged by what `predict` answers;
    * ``lines(stream)``: the inputs of a stream of bytes, such as standard input, one by one;
    * ``windows``: how many pictures a view holds: so many fewer rows go through the network together;
    * ``alike(views, most)``: a batch of inputs of any length in parts of rows of similar length, without what stacking
      has put behind all rows of a part: places and views of each;
    * ``name_of(source)``: the path of an input that comes from a file, where text is none;
    * ``with_files(files)``: the same description together with what it keeps as `files` of an artefact, whose names the
      face has as ``FILES``; it is called where an artefact is opened;
    * ``made_up(n)``: n loaded inputs that show nothing, where no real one may travel with a model; and
      ``personal(loaded)``: what personal data seem to be in one, in words, for which such a one then stands in.
    """

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """As of pydantic."""
        ...

    @property
    def kind(self) -> str:
        """The tag by which a manifest names the kind; see `drivetrain.runtime.kinds`."""
        ...

    def load(self, source: Any, /) -> Arrays:
        """Decode a row once; what may be cached. Raises InputError."""
        ...

    def view(self, loaded: Arrays, /) -> Arrays:
        """What the network reads when it is judged and when it answers."""
        ...

    def signature(self) -> tuple[TensorSpec, ...]:
        """The inputs of the network: what export, ONNX Runtime, the trial and the service's protocol read."""
        ...

    def stack(self, views: Sequence[Arrays], /) -> Arrays:
        """A batch of views, padded where their shapes differ."""
        ...

    def cache_key(self) -> str | None:
        """All that `load` depends on besides the source; None: loading is cheap, and nothing is kept."""
        ...

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """A golden example as a file: its bytes and its suffix, which `load` reads back."""
        ...

    def statistics(self, loaded: Arrays, /) -> Mapping[str, Statistic]:
        """Numbers by which a service is watched."""
        ...

    def files(self) -> Mapping[str, bytes]:
        """Further files of the artefact, such as a vocabulary."""
        ...


def read_spec(given: Any) -> InputSpec:
    """The description of an input from its JSON; one that is described already stays as it is.

    Only kinds of the table are looked for, by their name: nothing else that the JSON says is imported.

    Raises:
        ArtefactError: It is of a kind that is not known here, or whose package cannot be imported.
        ValueError: It says what no description of that kind does.

    Example:
        >>> read_spec({"kind": "smell"})
        Traceback (most recent call last):
        drivetrain.errors.ArtefactError: the model reads inputs of the kind 'smell' ...
    """
    if not isinstance(given, Mapping):
        if hasattr(given, "signature"):
            return given
        raise ValueError("it is no description of an input")
    said = cast("Mapping[str, Any]", given)
    tag = said.get("kind", "picture")
    if not isinstance(tag, str) or kind_name(tag) not in packages():
        raise ArtefactError(
            f"the model reads inputs of the kind {shown(tag)}, which is not known here; known are "
            f"{', '.join(sorted(packages()))}. To fix: install the package that brings this kind."
        )
    try:
        spec = face(tag, "spec").Spec
    except (ImportError, AttributeError, DrivetrainError) as error:
        raise ArtefactError(
            f"the model reads inputs of the kind {shown(tag)}, which cannot be used: {short_reason(error)}. "
            f"To fix: install {packages()[kind_name(tag)].partition('.')[0]} again, or a newer one."
        ) from error
    return spec.model_validate(said)


def random_views(signature: Sequence[TensorSpec], n: int, *, seed: int = 0, length: int = 16) -> Arrays:
    """A batch of n views that look like nothing: any values that the types hold, normal ones of floats.

    Args:
        signature: Of the description.
        n: Rows.
        seed: Of the random numbers.
        length: Where any length will do.

    Example:
        >>> two = [TensorSpec("x", "uint8", (None, 3)), TensorSpec("y", "float32", ())]
        >>> [array.shape for array in random_views(two, 2)]
        [(2, 16, 3), (2,)]
    """
    rng = np.random.default_rng(seed)
    made: list[NDArray[Any]] = []
    for _, name, shape, below in signature:
        dtype, sides = np.dtype(name), (n, *(length if side is None else side for side in shape))
        if dtype.kind in "iu":
            made.append(rng.integers(0, below or int(np.iinfo(dtype).max) + 1, sides, dtype=dtype))
        elif dtype.kind == "b":
            made.append(rng.integers(0, 2, sides).astype(dtype))
        else:
            made.append(rng.standard_normal(sides).astype(dtype))
    return tuple(made)


def stacked(views: Sequence[Arrays]) -> Arrays:
    """A batch of views of one shape: what `InputSpec.stack` is where no length varies."""
    return tuple(np.stack(column) for column in zip(*views, strict=True))


def padded(views: Sequence[Arrays]) -> Arrays:
    """A batch of views, with zeros behind those that are shorter than the longest.

    Example:
        >>> padded([(np.ones(2),), (np.ones(3),)])[0].tolist()
        [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    made: list[NDArray[Any]] = []
    for column in zip(*views, strict=True):
        sides = (max(lengths) for lengths in zip(*(array.shape for array in column), strict=True))
        whole: NDArray[Any] = np.zeros((len(column), *sides), column[0].dtype)
        for place, array in zip(whole, column, strict=True):
            place[tuple(map(slice, array.shape))] = array
        made.append(whole)
    return tuple(made)


def head(batch: Arrays, n: int) -> Arrays:
    """The first n rows."""
    return tuple(array[:n] for array in batch)


def source_of(spec: InputSpec, given: Any) -> Any:
    """One row's input in a form that stays what it is: an open file is read. Raises InputError or SettingError."""
    own = getattr(spec, "source", None)
    if own is not None:
        return own(given)
    if isinstance(given, str | os.PathLike):
        path = cast("str | os.PathLike[str]", given)
        return in_folder(path) or path
    if not callable(getattr(given, "read", None)):
        return given
    try:
        return given.read()
    except Exception as error:  # a file opened for writing, a connection that broke
        raise InputError(
            f"an open file cannot be read: {short_reason(error)}. To fix: pass a file opened with 'rb', or its bytes."
        ) from error


def sources_of(spec: InputSpec, given: Any) -> Iterator[Any]:
    """Many rows' inputs one by one: the files of a folder, or what a list or a generator holds; else the one given.

    Raises:
        SettingError: A folder holds no files.
    """
    own = getattr(spec, "sources", None)
    if own is not None:
        return own(given)
    if isinstance(given, str | os.PathLike):
        path = cast("str | os.PathLike[str]", given)
        folder = in_folder(path) or Path(path)
        if not holds_inputs(folder):
            return iter([path])
        files = inputs_below(folder, _files_below, _is_input)
        if not files:
            raise SettingError(f"{readable(folder)} holds no files. To fix: give the folder that holds the inputs.")
        return iter(files)
    one = isinstance(given, bytes | bytearray | Mapping) or callable(getattr(given, "read", None))
    return iter([given]) if one or not isinstance(given, Iterable) else iter(cast("Iterable[Any]", given))


def _files_below(folder: Path) -> list[Path]:
    """Without tar files, which are looked into."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith("."))
    return [file for file in files if not is_shard(file)]


def _is_input(name: str) -> bool:
    """Whether a member of a shard is more than the class of another one."""
    return name.rpartition(".")[2] not in CLASSES


def name_of(source: Any, spec: InputSpec | None = None) -> str | None:
    """The path of an input that comes from a file, else None.

    Example:
        >>> name_of("a.jpg"), name_of(b"encoded")
        ('a.jpg', None)
    """
    if (own := getattr(spec, "name_of", None)) is not None:
        return own(source)
    if isinstance(source, str | os.PathLike):
        return str(os.fsdecode(cast("str | os.PathLike[str]", source)))
    name = getattr(source, "name", None) if callable(getattr(source, "read", None)) else None
    return name if isinstance(name, str) else None
