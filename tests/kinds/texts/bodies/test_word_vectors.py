"""The packaged table of word vectors: the very files that are known, or a word about it."""

import dataclasses
import importlib.metadata
from importlib.metadata import distribution

import numpy as np
import pytest
from safetensors import safe_open

from drivetrain.errors import MissingExtraError, ModelError
from drivetrain.kinds.texts.bodies.word_vectors import WORDLLAMA, word_vectors
from drivetrain.runtime.trust import installed


def test_as_the_package_embeds_a_text():
    from tokenizers import Tokenizer

    found = word_vectors()
    ids = Tokenizer.from_str(found.tokenizer.decode()).encode("my card is lost", add_special_tokens=False).ids
    assert found.table.shape == (WORDLLAMA.pieces, WORDLLAMA.width) and not found.table.flags.writeable
    with safe_open(distribution("wordllama").locate_file(WORDLLAMA.table.path), "np") as stored:
        theirs = stored.get_tensor("embedding.weight")[ids].astype(np.float64).mean(axis=0)
    assert found.table[ids].mean(axis=0) == pytest.approx(theirs, abs=1e-4)


class Elsewhere:
    """A distribution whose files lie in a folder."""

    version = "9.9"

    def __init__(self, folder):
        self.folder = folder

    def locate_file(self, path):
        return self.folder / path


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "has no file"), (b"short", "another .* of 5 bytes"), (b"0123456789", "altered")],
    ids=["none", "another size", "altered"],
)
def test_another_file_is_refused(tmp_path, monkeypatch, content, message):
    monkeypatch.setattr(installed, "distribution", lambda name: Elsewhere(tmp_path))
    if content is not None:
        (tmp_path / "table").write_bytes(content)
    with pytest.raises(ModelError, match=message) as told:
        dataclasses.replace(WORDLLAMA.table, path="table", n_bytes=10, sha256="0" * 64).read()
    assert "pip install --force-reinstall" in str(told.value) and "9.9" in str(told.value)


def test_a_package_that_is_not_there(monkeypatch):
    def none(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installed, "distribution", none)
    with pytest.raises(MissingExtraError, match=r"pip install 'drivetrain\[encoders\]'"):
        word_vectors(dataclasses.replace(WORDLLAMA, name="other"))


def test_vectors_are_finite():
    assert np.isfinite(word_vectors().table).all()
