"""What the words within a cell say: fitted without a row's own target, told, saved, and read without a library."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

import drivetrain as dt
from drivetrain.kinds.tables.explaining import replaced, replacements
from drivetrain.kinds.tables.fitting import describe
from drivetrain.kinds.tables.spec import CategoryColumn, Spec
from drivetrain.kinds.tables.word_fitting import crossed_words
from drivetrain.kinds.tables.words import words_of

GRADES, JOBS = ["junior", "senior", "chief", "deputy"], ["clerk", "nurse", "driver", "cook", "guard", "smith"]
PLACES = ["north", "south", "east", "west", "centre"]


def jobs(n=400, seed=0, *, text=False):
    """The pay is that of the grade and the job, whatever stands around them."""
    rng = np.random.default_rng(seed)
    grade, job, place = (rng.integers(0, len(words), n) for words in (GRADES, JOBS, PLACES))
    pay = 10.0 * grade + 4.0 * job + rng.normal(size=n)
    names = [f"{GRADES[a].title()} {JOBS[b]}, {PLACES[c]}" for a, b, c in zip(grade, job, place, strict=True)]
    if text:
        names = [f"{name} in the week of our lord number {at}" for at, name in enumerate(names)]
    return pd.DataFrame({"title": names, "hours": rng.normal(40, 2, n), "pay": pay})


@pytest.fixture(scope="module", params=[False, True], ids=["names", "texts"])
def data(request, tmp_path_factory):
    return dt.table(jobs(text=request.param), target="pay", project=tmp_path_factory.mktemp("project"), seed=1)


def test_words_are_found_told_and_help(data):
    line = dt.Linear(data)
    (words,) = line.spec.words
    assert words.column == "title" and words.told > 0.95
    assert line.decisions["words"].value == 1 and "title" in line.decisions["words"].reason
    assert line.validate()["r2"].value > 0.95
    assert dt.Trees(data).validate()["r2"].value > 0.95


def test_the_number_is_that_of_scikit_learn():
    """Ridge on TF-IDF of whether a word occurs, idf by different names, which are weighed by their rows."""
    data = dt.table(jobs(), target="pay")
    (words,) = describe(data).words
    titles = data.train.inputs.columns["title"].tolist()
    names = list(dict.fromkeys(titles))
    reader = TfidfVectorizer(binary=True, token_pattern=r"\w+").fit(names)
    pay = data.target.training_form(data.target.encode(data.train.values))[:, 0]
    ridge = Ridge(alpha=1.0).fit(reader.transform(titles).toarray(), pay)
    asked = ["Chief cook, west", "a chief of the north", "deputy", ""]
    expected = ridge.predict(reader.transform(asked[:3]).toarray())
    found = words.values(asked)[:, 0]
    assert found[:3] == pytest.approx(expected, abs=0.02) and np.isnan(found[3])
    assert words.value("nobody knows this")[0] == pytest.approx(ridge.intercept_, abs=0.02)


def test_a_row_is_not_told_its_own_target():
    """Of names whose words say nothing of the target, cross-fitted words say nothing, and are left away."""
    rng = np.random.default_rng(0)
    names = [f"word{a} word{b}" for a, b in rng.integers(0, 60, (300, 2))]
    rows = {"name": names, "x": rng.normal(size=300), "y": rng.normal(size=300)}
    data = dt.table(rows, target="y", types={"name": "category"})
    assert describe(data).words == ()
    told = dt.table(jobs(), target="pay")
    spec = describe(told)
    crossed = crossed_words(spec, told)
    own = spec.view_many(spec.load_many(told.train.inputs.columns))[0][:, -1:]
    truth = told.target.training_form(told.target.encode(told.train.values))
    assert np.corrcoef(crossed[:, 0], truth[:, 0])[0, 1] < np.corrcoef(own[:, 0], truth[:, 0])[0, 1]


@pytest.mark.parametrize(
    "names",
    [[f"place{i}" for i in range(50)], ["a b", "c d", "e f"], [f"{i:05d}" for i in range(60)]],
    ids=["one word each", "few names", "codes"],
)
def test_names_without_words_are_read_as_before(names):
    rng = np.random.default_rng(0)
    at = rng.integers(0, len(names), 300)
    data = dt.table(
        {"x": rng.normal(size=300), "name": np.array(names)[at], "y": np.where(at % 2, "yes", "no")}, target="y"
    )
    assert describe(data).words == ()


def test_many_classes_have_a_number_each(tmp_path):
    rows = jobs().assign(pay=lambda all_rows: pd.cut(all_rows["pay"], 3, labels=["low", "mid", "high"]).astype(str))
    data = dt.table(rows, target="pay")
    line = dt.Linear(data)
    assert [number.name for number in line.spec.word_numbers] == [f"title (words, {at})" for at in (1, 2, 3)]
    saved = dt.load(line.save(tmp_path / "line.model"))
    assert saved.predict({"title": "Chief smith, west", "hours": 40.0}).label == "high"


@pytest.mark.parametrize("kind", [dt.Linear, dt.Trees])
def test_what_is_saved_knows_new_names_by_their_words(data, kind, tmp_path):
    model = kind(data)
    saved = dt.load(model.save(tmp_path / "m.model"))
    odd = [{"title": "Chief smith, nowhere", "hours": 40.0}, {"title": None, "hours": 1.0}]
    rows = [*list(data.valid.inputs)[:20], *odd]
    ours, theirs = model.predictor().predict_many(rows), saved.predict_many(rows)
    for one, other in zip(ours, theirs, strict=True):
        assert one.values["pay"] == pytest.approx(other.values["pay"], abs=1e-3)
    known = {"hours": 40.0, "title": "Chief smith, in a place unheard of"}
    assert (
        saved.predict(known).values["pay"]
        > saved.predict({**known, "title": "Junior clerk, elsewhere"}).values["pay"] + 20
    )


def test_a_network_reads_them_too_and_is_taken_up(tmp_path):
    data = dt.table(jobs(), target="pay", project=tmp_path)
    net = dt.Learner(data, seed=0).fine_tune(8)
    assert net.validate()["r2"].value > 0.8 and "words" in net.decisions
    saved = dt.load(net.save(tmp_path / "net.model"))
    row = {"title": "Chief smith, at sea", "hours": 40.0}
    assert saved.predict(row).values["pay"] == pytest.approx(net.predict(row).values["pay"], abs=0.05)
    again = dt.Learner.load(tmp_path / "net.model", project=tmp_path, data=jobs())
    assert again.validate()["r2"].value == pytest.approx(net.validate()["r2"].value, abs=1e-4)


def test_in_training_the_network_is_told_by_the_other_folds(tmp_path):
    data = dt.table(jobs(), target="pay", project=tmp_path)
    kind = dt.Learner(data, seed=0).kind
    import torch

    views = tuple(map(torch.from_numpy, kind.spec.view_many(kind.spec.load_many(data.train.inputs.columns))))
    varied = kind.vary(views, torch.ones(len(data.train), kind.n_draws))
    crossed = crossed_words(kind.spec, data)
    assert torch.equal(varied[0][:, -1], torch.from_numpy(crossed[:, 0]))
    assert torch.equal(varied[0][:, :-1], views[0][:, :-1])


def test_a_server_needs_no_scikit_learn(tmp_path):
    data = dt.table(jobs(), target="pay")
    dt.Trees(data).save(tmp_path / "m.model")
    row = json.dumps({"title": "Chief smith, west", "hours": 40.0})
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('sklearn', 'torch', 'scipy')));"
        f"import drivetrain as dt; print(dt.load({str(tmp_path / 'm.model')!r}).predict({row!r}).values['pay'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(10 * 2 + 4 * 5, abs=4)


def test_the_description_survives_as_json():
    spec = describe(dt.table(jobs(), target="pay"))
    again = Spec.model_validate_json(spec.model_dump_json())
    row = {"title": "Deputy cook, east", "hours": 39.0}
    assert again.load(row)[0] == pytest.approx(spec.load(row)[0]) and again.types == spec.types
    assert describe(dt.table(jobs(text=True), target="pay")).types["title"] == {"role": "text"}


def test_models_that_were_fitted_apart_can_be_blended():
    """What a description remembers of cells it has read does not count."""
    data = dt.table(jobs(), target="pay")
    line, trees = dt.Linear(data), dt.Trees(data)
    again = dt.Linear.of_learnt(data, Spec.model_validate_json(line.spec.model_dump_json()), line.learnt())
    assert again.validate()["r2"] == line.validate()["r2"] and again.spec.words == line.spec.words
    assert hash(again.spec.words[0]) == hash(line.spec.words[0])
    assert dt.Blend([again, trees]).validate()["r2"].value > 0.95


@pytest.mark.parametrize("change", [{"tokens": ["a"]}, {"start": []}, {"rare": "???"}, {"column": "hours"}],
                         ids=["tokens", "start", "packed", "column"])  # fmt: skip
def test_damaged_words_are_refused(change):
    said = json.loads(describe(dt.table(jobs(), target="pay")).model_dump_json())
    said["words"][0] |= change
    with pytest.raises(ValueError, match=r"words|numbers"):
        Spec.model_validate(said)


def test_another_name_is_explained_with_its_own_words():
    spec = describe(dt.table(jobs(), target="pay"))
    loaded = spec.load({"title": "Chief smith, west", "hours": 40.0})
    tried = replacements(spec)
    raw, codes = replaced(spec, loaded, tried)
    column = spec.columns[0]
    assert isinstance(column, CategoryColumn)
    for row, one in enumerate(tried):
        name = column.vocab[int(codes[row, 0]) - 2] if one.place == 0 else "Chief smith, west"
        assert raw[row, -1] == pytest.approx(spec.words[0].value(name)[0])


def test_one_wrote_it_alone_and_it_stays_there():
    """A word of one text alone is not kept: it might be somebody's name."""
    rows = jobs(text=True)
    rows.loc[0, "title"] += " zebediah"
    (words,) = describe(dt.table(rows, target="pay", valid_pct=0.0, test_pct=0.0)).words
    assert "zebediah" not in words.tokens and "chief" in words.tokens


def test_words_of_any_script():
    assert words_of("Straße, STRASSE, 東京 α-β") == ["strasse", "東京", "α", "β"]
