"""Tensor files are read and written as safetensors, the library, does."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
from safetensors.numpy import load, save

from drivetrain.runtime.files.tensor_file import Tensor, described, header, in_order, pieces_of

DTYPES = {"F32": np.float32, "I64": np.int64, "U8": np.uint8, "F16": np.float16, "BOOL": np.bool_}
RNG = np.random.default_rng(0)
ARRAYS = {
    "b": RNG.normal(size=(3, 4)).astype(np.float32),
    "a, with “signs”": RNG.normal(size=5).astype(np.float16),
    "n": np.array(7),
    "empty": np.zeros((0, 3), np.float32),
    "flags": np.array([True, False, True]),
}


def written(arrays: dict[str, np.ndarray]) -> bytes:
    named = {dtype: name for name, dtype in ((name, np.dtype(kind)) for name, kind in DTYPES.items())}
    tensors = {name: Tensor(named[one.dtype], one.shape, one.nbytes) for name, one in arrays.items()}
    return header(tensors) + b"".join(arrays[name].tobytes() for name in in_order(tensors))


def test_the_library_reads_what_is_written():
    found = load(written(ARRAYS))
    assert found.keys() == ARRAYS.keys()
    for name, one in ARRAYS.items():
        np.testing.assert_array_equal(found[name], one)
        assert found[name].dtype == one.dtype


def test_what_the_library_writes_is_read():
    content = save(ARRAYS)
    stream = BytesIO(content)
    found = described(stream, len(content))
    for name, one in ARRAYS.items():
        assert DTYPES[found[name].dtype] == one.dtype and found[name].shape == one.shape
        assert b"".join(pieces_of(stream, found[name], at_once=7)) == one.tobytes()


def test_the_same_tensors_are_the_same_bytes():
    assert written(ARRAYS) == written(dict(reversed(ARRAYS.items())))


def test_tensors_that_share_bytes_are_refused():
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    text = json.dumps({"one": one, "two": one}).encode()
    shared = len(text).to_bytes(8, "little") + text + bytes(8)
    with pytest.raises(ValueError, match="lie in the same bytes"):
        described(BytesIO(shared), len(shared))


def test_a_file_that_ends_early_says_so():
    content = written(ARRAYS)
    found = described(BytesIO(content), len(content))
    with pytest.raises(ValueError, match="ends within a tensor"):
        list(pieces_of(BytesIO(content[:-2]), found["flags"]))
    with pytest.raises(ValueError, match="are said to take"):
        described(BytesIO(content), len(content) - 4)
