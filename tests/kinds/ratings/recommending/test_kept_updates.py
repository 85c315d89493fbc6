import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt


@pytest.fixture
def data():
    rows = [(f"u{user}", f"i{item}", 5 - 3 * ((user + item) % 2)) for user in range(24) for item in range(10)]
    table = pd.DataFrame(rows, columns=["who", "what", "stars"])
    table = table[np.random.default_rng(0).random(len(table)) < 0.6]
    table = pd.concat([table, table.assign(who="v" + table["who"], stars=table["stars"].clip(upper=4))])
    return dt.ratings(table, user="who", item="what", rating="stars", valid_pct=0.2, test_pct=0.0)


NEW = pd.DataFrame({"who": ["u0", "new", "new"], "what": ["i1", "i3", "i5"], "stars": [2, 5, 5]})


@pytest.mark.parametrize("kind", [dt.Factors, dt.Ease], ids=lambda one: one.__name__)
def test_what_update_brought_is_there_after_loading(kind, data, tmp_path):
    model = kind(data)
    place = model.save(tmp_path / "m.model")
    since = model.update(NEW)
    assert since.save(place) == place
    loaded = dt.load(place)
    for user in ("u0", "new", "u3"):
        assert loaded.recommend(user, 3).as_json() == since.recommend(user, 3).as_json()
    assert "2 users with new rows, 1 of them new" in str(loaded.recommender.decisions["update"])
    assert dt.load(place).predict({"who": "u3", "what": "i1"}).values == pytest.approx(
        model.save(tmp_path / "n.model") and dt.load(tmp_path / "n.model").predict({"who": "u3", "what": "i1"}).values
    )
    again = loaded.recommender.update(NEW.assign(who="newer"))  # on top of what was saved
    again.save(place)
    third = dt.load(place)
    assert third.recommend("new", 3).items == since.recommend("new", 3).items
    assert third.recommend("newer", 3).items


def test_rows_are_saved_into_the_model_that_they_are_of(data, tmp_path):
    model = dt.Ease(data)
    other = dt.Ease(data, strength=3.0).save(tmp_path / "other.model")
    with pytest.raises(dt.ArtefactError, match="is another model than the one that was updated"):
        model.update(NEW).save(other)
    with pytest.raises(dt.SettingError, match="no rows beyond those of training"):
        model.recommender.save(other)


@pytest.mark.parametrize(
    "wrong", [{"items": [[99]]}, {"users": ["a", "b"]}, {"values": [["x"]]}, {"items": 3}], ids=str
)
def test_damaged_rows_are_refused(wrong, data, tmp_path):
    from drivetrain.runtime.artefact import open_artefact, update_artefact

    place = dt.Ease(data).save(tmp_path / "m.model")
    content = {"users": ["new"], "items": [[1]], "values": [[5.0]], **wrong}
    update_artefact(open_artefact(place), {"updates.json": json.dumps(content).encode()})
    with pytest.raises(dt.ArtefactError, match=r"updates.json is damaged"):
        dt.load(place).recommend("new", 1)


ALONE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "pyarrow", "sklearn", "torch", "onnx"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import drivetrain as dt

print(*dt.load(sys.argv[1]).recommend("new", 2).items)
"""


def test_recommending_needs_what_a_server_has_alone(data, tmp_path):
    model = dt.Ease(data)
    since = model.update(NEW)
    since.save(model.save(tmp_path / "m.model"))
    words = [sys.executable, "-c", ALONE, tmp_path / "m.model"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [" ".join(map(str, since.recommend("new", 2).items))]
