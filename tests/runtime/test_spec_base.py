"""Arrays from files, bytes, JSON and lists: what is one is read, what is none is refused."""

import hashlib
import io
from typing import Literal

import numpy as np
import pytest
import torch

from drivetrain.errors import InputError
from drivetrain.runtime.spec_base import ArraySpec, read_npy


class Ecg(ArraySpec):
    noun = "ecg"
    most_bytes = 10_000
    kind: Literal["ecg"] = "ecg"

    def wrong(self, array, /):
        return "three leads are needed" if array.shape[0] != 3 else None


def npy(array, version=None):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), version=version)
    return stream.getvalue()


THREE = np.arange(6, dtype=np.int16).reshape(3, 2)


@pytest.mark.parametrize(
    "given",
    [
        THREE,
        THREE.tolist(),
        np.asfortranarray(THREE),
        THREE.astype(">f8"),
        torch.tensor(THREE, requires_grad=False),
        npy(THREE),
        npy(np.asfortranarray(THREE)),
        npy(THREE, (2, 0)),
        bytearray(npy(THREE)),
        b" [[0, 1], [2, 3], [4, 5.0]]\n",
    ],
    ids=["array", "list", "by column", "big end", "tensor", "npy", "npy by column", "npy 2.0", "bytearray", "json"],
)
def test_what_is_an_array_is_read(given):
    (found,) = Ecg().load(given)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, THREE)


def test_a_file_is_read_once_with_its_digest(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(npy(THREE))
    (found,), digest = Ecg().load_file(path)
    assert digest == hashlib.sha256(npy(THREE)).hexdigest() and found.shape == (3, 2)
    content, suffix = Ecg().encode((found,))
    assert suffix == ".npy" and read_npy(content).dtype == np.float32


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ([[1, 2]], "three leads are needed"),
        (5, "a single number"),
        ([], "no numbers"),
        ([[1], [2, 3], []], "not an ecg: "),
        (["a", "b", "c"], "values of type <U1"),
        ([1, 2, float("inf")], "not finite"),
        ([1, 2, 1e300], "not finite"),
        ([1j, 2, 3], "complex"),
        (None, "object"),
        ({"a": 1}, "object"),
        (b"a,b", r"neither the bytes of an \.npy file nor JSON"),
        (b"[1, 2, 3]" + b" " * 20_000, "20,009 bytes, more than 10,000"),
        (npy(THREE)[:-1], "which is not what it holds"),
        (npy(THREE) + b"x", "which is not what it holds"),
        ("/no/such/file.npy", r"cannot be read \(No such file"),
        ("/dev/zero", "it is no file"),
        ("a\0b", "cannot be read"),
    ],
    ids=[
        "one lead",
        "number",
        "nothing",
        "ragged",
        "words",
        "infinite",
        "too large",
        "complex",
        "none",
        "dict",
        "text",
        "long",
        "cut",
        "more",
        "gone",
        "device",
        "nul",
    ],
)
def test_what_is_none_is_refused(given, part):
    with pytest.raises(InputError, match=f"(?s)^not an ecg: .*{part}|{part}") as caught:
        Ecg().load(given)
    assert "; expected an array of finite numbers. To fix: " in str(caught.value)
