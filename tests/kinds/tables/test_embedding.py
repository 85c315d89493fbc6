"""What a network has learnt of names: a table, neighbours, a map."""

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.kinds.tables.embedding import embedding_from


@pytest.fixture(scope="module")
def learn(tmp_path_factory):
    rng = np.random.default_rng(0)
    code = rng.integers(0, 21, 600)
    names = [f"c{one}" for one in code]
    table = {"code": names, "age": rng.normal(size=600).tolist(), "ill": np.where(code % 7 == 0, "yes", "no").tolist()}
    data = dt.table(table, target="ill", project=tmp_path_factory.mktemp("project"))
    return dt.Learner(data, device="cpu", precision="fp32").fit(4, checkpoint=False)


def test_names_that_behave_alike_lie_near_each_other(learn):
    near = [name for name, _ in learn.embedding("code").neighbours("c7", 2)]
    assert set(near) == {"c0", "c14"}


def test_the_table_has_a_row_for_each_name(learn):
    found = learn.embedding("code")
    table = found.table()
    assert sorted(table["code"]) == sorted(f"c{one}" for one in range(21))
    assert sum(table["training rows"]) == len(learn.data.train)
    assert len(table["code 1"]) == 21
    assert np.isfinite(table["code 1"]).all()


def test_the_map_names_names_and_escapes_them(learn):
    drawn = learn.embedding("code").map(10)
    assert "10 of 21 names" in str(drawn)
    odd = embedding_from("<b>", ("<i>x", "y"), (2, 1), np.array([[0.0], [1.0]])).map()
    assert "<i>" not in odd.svg
    assert "&lt;i&gt;x" in odd.svg


def test_distances_are_kept():
    added = np.random.default_rng(0).normal(size=(7, 5))
    found = embedding_from("a", tuple("abcdefg"), (1,) * 7, added)
    assert found.share == pytest.approx(1)
    far = np.linalg.norm(added[:, None] - added, axis=2)
    assert np.allclose(np.linalg.norm(found.places[:, None] - found.places, axis=2), far)


def test_names_that_all_say_the_same_have_one_place():
    found = embedding_from("a", ("x", "y"), (1, 1), np.ones((2, 4)))
    assert found.places.tolist() == [[0.0], [0.0]]
    assert "0 % of the spread" in str(found.map())


@pytest.mark.parametrize("column", ["cod", "ill", ""])
def test_a_column_that_is_not_read_is_refused(learn, column):
    with pytest.raises(dt.SettingError, match="column"):
        learn.embedding(column)


def test_a_name_that_is_not_there_is_refused(learn):
    with pytest.raises(dt.SettingError, match=r"no training row of column 'code'.*To fix"):
        learn.embedding("code").neighbours("c99")


def test_a_model_without_embeddings_says_so(learn):
    with pytest.raises(dt.SettingError, match="a Linear of table has no embeddings"):
        dt.Linear(learn.data).embedding("code")
