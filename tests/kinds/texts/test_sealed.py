"""Short texts are sealed, too: nothing can be told of what is like them, and a saved model still opens."""

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.data.seals.sealed_set import SealedSet
from tests.kinds.texts.tiny import questions


@pytest.mark.parametrize("short", ["ok", "?!", "我的卡", "a" * 11], ids=["word", "signs", "chinese", "one letter"])
def test_a_seal_with_short_texts_is_read_again(tmp_path, short):
    rows = dict.fromkeys(text for text, _ in questions(80))
    table = pd.DataFrame({"text": [*rows, short], "topic": np.resize(["a", "b"], len(rows) + 1)})
    table["part"] = np.resize(["train", "train", "valid"], len(table))
    table.loc[len(table) - 1, "part"] = "test"
    with dt.quiet():
        data = dt.texts(table, target="topic", split="part", project=tmp_path / "project")
    assert data.n_test == 1
    (seal,) = (tmp_path / "project").rglob("seal.json")
    assert SealedSet.read(seal).n == 1
