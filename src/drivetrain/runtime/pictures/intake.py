"""What people hand over as a picture, or as many pictures, in one of the few forms that are decoded.

Whatever has one meaning is taken; whatever could have two, or none, is refused by name, with what to pass instead.
Nothing is guessed from the values of pixels. Legend: N pictures, H rows, W columns, C channels.
"""

from __future__ import annotations

import io
import numbers
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drivetrain.errors import PictureError, SettingError
from drivetrain.runtime.files.odd_paths import check_whole_path, mend
from drivetrain.runtime.pictures.arrays import AS_BYTES, USUAL_CHANNELS, as_array, pixels_last
from drivetrain.runtime.pictures.faults import UnreadableError, faults_explained, pillow_is_quiet
from drivetrain.runtime.spec import name_of
from drivetrain.settings import shown
from drivetrain.text import readable, short_reason

PictureSource = str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image
"""The forms that are decoded. `picture_source` makes one of them of much else."""

MOST_BYTES = 2**30
"""Read from an open file, at most: more is no picture."""

EXPECTED = "a path, encoded bytes, a file opened with 'rb', a PIL image or a numpy array"

_LIST = (list, tuple, set, frozenset)


def picture_source(source: Any, *, channels: int = 3) -> PictureSource:
    """One picture, in a form that can be decoded.

    Args:
        source: A path, bytes in any form, a file opened with ``rb`` (read from where it stands), a PIL image, or an
            array or tensor in RGB order: (H, W), (H, W, C), or (C, H, W) where that is the only reading.
        channels: That are wanted, see `read_picture`.

    Raises:
        PictureError: It is of the right kind, and cannot be used: a file in text mode, floats, a batch.
        SettingError: It is something else.

    Example:
        >>> picture_source(bytearray(b"encoded")), picture_source(np.zeros((3, 20, 30), np.uint8)).shape
        (b'encoded', (20, 30, 3))
        >>> picture_source(None)
        Traceback (most recent call last):
        drivetrain.errors.SettingError: a picture was given as None; expected a path, encoded bytes, ...
    """
    if isinstance(source, str | bytes | Image.Image):
        return source
    if isinstance(source, os.PathLike):
        path = os.fspath(cast("os.PathLike[str] | os.PathLike[bytes]", source))
        return cast("os.PathLike[str]", source) if isinstance(path, str) else os.fsdecode(path)
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    if _is_file(source):
        return _from_file(source)
    array = None if _is_column(source) or hasattr(source, "columns") else as_array(source)
    if array is None:
        _refuse(source)
    if array.dtype.kind in "OUS" and array.size == 1:
        return picture_source(array.reshape(-1).tolist()[0], channels=channels)
    return pixels_last(array, channels, as_bytes=".byte()" if hasattr(source, "byte") else AS_BYTES)


def picture_sources(sources: Any, *, channels: int = 3) -> Iterator[Any]:
    """Many pictures one by one, each for `picture_source`; a single picture is a list of one.

    Args:
        sources: A list, generator, Series or array of pictures or paths, or a batch (N, H, W, C) or (N, C, H, W).
        channels: That are wanted, see `read_picture`.

    Raises:
        SettingError: It is neither one picture nor many.

    Example:
        >>> [picture.shape for picture in picture_sources(np.zeros((2, 20, 30, 3), np.uint8))]
        [(20, 30, 3), (20, 30, 3)]
    """
    if isinstance(sources, str | os.PathLike):
        check_whole_path(cast("str | os.PathLike[str]", sources))
        return iter([cast(Any, sources)])
    if isinstance(sources, bytes | bytearray | memoryview | Image.Image) or _is_file(sources):
        return iter([sources])
    if isinstance(sources, Mapping) or hasattr(sources, "columns"):
        _refuse(cast(Any, sources))
    if hasattr(sources, "paths") and not hasattr(sources, "__getitem__"):
        raise SettingError(
            f"pictures were given as {type(sources).__name__}; expected a list or a folder. To fix: pass its .paths."
        )
    array = None if _is_column(sources) else as_array(sources)
    if array is not None:
        return _of_array(array, channels)
    if isinstance(sources, Iterable):
        return _settled(cast("Iterator[Any]", sources)) if isinstance(sources, Iterator) else iter(cast(Any, sources))
    raise SettingError(
        f"pictures were given as {_named(sources)}; expected a list, a generator, a folder or an array of pictures. "
        f"To fix: pass a list; each item may be {EXPECTED}."
    )


def _is_file(source: Any) -> bool:
    """Whether bytes can be asked for: an open file, a response, a file inside an archive or a package."""
    return any(callable(getattr(source, name, None)) for name in ("read", "read_bytes"))


def _from_file(source: Any) -> bytes:
    name = f"the open file {readable(name_of(source) or type(source).__name__)}"
    if getattr(source, "closed", False) is True:
        raise PictureError(f"{name} is closed. To fix: pass it while it is open, or pass its path.")
    if isinstance(source, io.TextIOBase):
        raise PictureError(f"{name} was opened as text. To fix: open it with open(path, 'rb').")
    found: Any = _asked(lambda: source.read(MOST_BYTES + 1) if hasattr(source, "read") else source.read_bytes(), name)
    if not isinstance(found, bytes | bytearray | memoryview):
        raise PictureError(f"{name} gave {type(found).__name__}, not bytes. To fix: open it with open(path, 'rb').")
    if len(found) == 0:
        raise PictureError(f"{name} has nothing left to read. To fix: pass it after file.seek(0), or pass its path.")
    if len(found) > MOST_BYTES:
        raise PictureError(f"{name} holds more than {MOST_BYTES:,} bytes. To fix: pass one picture.")
    return bytes(found)


def _asked(question: Any, name: str) -> Any:
    """What somebody else's object answers; whatever it raises is a PictureError."""
    try:
        return question()
    except Exception as error:  # a file opened for writing, a connection that broke, a damaged archive
        raise PictureError(
            f"{name} cannot be read: {short_reason(error)}. To fix: pass a file opened with 'rb', or its bytes."
        ) from error


def _is_column(sources: Any) -> bool:
    """Whether it is a Series of any library: it is gone through cell by cell, as a list."""
    return type(sources).__name__ == "Series" or isinstance(sources, _LIST)


def _of_array(array: NDArray[Any], channels: int) -> Iterator[Any]:
    if array.dtype.kind in "OUS":
        if array.ndim > 1:
            raise SettingError(
                f"an array of {array.dtype} of shape {array.shape} was given; expected one column. "
                "To fix: pass the column of paths."
            )
        cells = np.atleast_1d(array).tolist()
        return iter([os.fsdecode(each) for each in cells] if array.dtype.kind == "S" else cells)
    if array.ndim == 4:
        return iter(array)
    if array.ndim == 3 and array.shape[2] not in (*USUAL_CHANNELS, channels):
        n, height, width = array.shape
        raise SettingError(
            f"an array of shape {array.shape} may be {n} grey pictures, or one with its channels first. To fix: for "
            f"{n} pictures of {width}×{height} pass array[..., None]; for one use predict."
        )
    return iter([array])


def _settled(sources: Iterator[Any]) -> Iterator[Any]:
    """Pictures of a generator, as they are when it hands them over: many fill the same array, or close the file."""
    for source in sources:
        if isinstance(source, np.ndarray):
            yield source.copy()
            continue
        if isinstance(source, Image.Image):
            try:
                with pillow_is_quiet(), faults_explained():
                    source.load()
            except UnreadableError as fault:
                yield PictureError(f"this picture cannot be read: {fault}. To fix: {mend(source, fault)[1]}.")
                continue
        yield source


def _refuse(source: Any) -> NoReturn:
    """Say what was given instead of a picture, and what to pass."""
    if isinstance(source, Mapping):
        keys = [key for key in ("bytes", "image", "path", "file") if key in source]
        fix = f"pass its {keys[0]!r}" if keys else "pass list(its.values())"
    elif hasattr(source, "columns"):
        fix = "pass its column of paths, such as table['path'], to predict_many"
    elif type(source).__name__ == "Series":
        fix = "use predict_many"
    elif isinstance(source, _LIST):
        inner = next(iter(cast("list[Any]", source)), None)
        of_numbers = isinstance(inner, (*_LIST, numbers.Number))
        fix = (
            "for pixels pass np.array(..., dtype='uint8'); for a pair of picture and label pass the picture"
            if of_numbers
            else "use predict_many, or pass one of its items"
        )
    elif isinstance(source, Iterator):
        fix = "use predict_many"
    elif _is_missing(source):
        fix = "leave out what is missing"
    else:
        fix = "pass one of these"
    raise SettingError(f"a picture was given as {_named(source)}; expected {EXPECTED}. To fix: {fix}.")


def _is_missing(source: Any) -> bool:
    """Whether it is None, NaN, NaT or NA: they are not equal to themselves, or say that they do not know."""
    try:
        return source is None or bool(source != source)  # noqa: PLR0124
    except (TypeError, ValueError):
        return True


def _named(source: Any) -> str:
    """What something is: its value where that is short, else its type."""
    if source is None or isinstance(source, numbers.Number):
        return shown(source)
    return type(source).__name__
