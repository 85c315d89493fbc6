"""What a model goes by, of models whose workings are known."""

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.evaluation.metrics.metrics import METRICS
from drivetrain.kinds.tables.fitting import describe, fitted_column
from drivetrain.kinds.tables.spec import Pair
from drivetrain.kinds.tables.understanding import Understanding, report_sections
from drivetrain.kinds.tables.understanding.adding import adding
from drivetrain.kinds.tables.understanding.dependence import dependence
from drivetrain.kinds.tables.understanding.importance import importance
from drivetrain.kinds.tables.understanding.together import together
from drivetrain.learner.saving.saved_model import report_saved

N = 400


def frame():
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, N).astype(float)
    town = np.array(["Bern", "Basel", "Chur"])[rng.integers(0, 3, N)]
    return {
        "age": age,
        "months": age * 12 + rng.normal(0, 1, N),
        "town": town,
        "noise": rng.normal(size=N),
        "price": 2 * age + 10 * (town == "Bern"),
    }


@pytest.fixture(scope="module")
def data():
    return dt.table(frame(), target="price", types={"months": "number"})


def known(data, asked=None):
    """The formula of `frame` as a model, 3 too high: it reads age and town, not months and not noise."""

    def say(rows):
        cells = rows.inputs.columns
        if asked is not None:
            asked.append(len(rows))
        price = 3 + 2 * cells["age"].astype(float) + 10 * (cells["town"] == "Bern")
        return dt.Predictions.of(rows, data.target, price[:, None])

    return say


def test_a_column_is_worth_what_is_lost_without_it(data):
    rows, groups = data.valid, [("age",), ("months",), ("town",), ("noise",)]
    found = {one.name: one for one in importance(known(data), rows, METRICS["rmse"], groups)}
    age = rows.inputs.columns["age"].astype(float)
    expected = np.sqrt(9 + 4 * 2 * age.var()) - 3  # the mean squared distance of two draws is twice the variance
    assert found["age"].value == pytest.approx(expected, rel=0.15)
    assert found["age"].real and found["age"].low < found["age"].value < found["age"].high
    assert found["noise"].value == found["months"].value == 0 and not found["noise"].real
    assert next(iter(found)) == "age"


def test_columns_are_exchanged_together(data):
    (one,) = importance(known(data), data.valid, METRICS["rmse"], [("age", "town")])
    assert one.name == "age + town" and one.columns == ("age", "town")


def test_a_metric_where_more_is_better_gets_worse_as_well(data):
    (one,) = importance(known(data), data.valid, METRICS["r2"], [("age",)])
    assert one.value > 1 and one.low > 0


def test_of_many_rows_some_are_enough(data, monkeypatch):
    monkeypatch.setattr("drivetrain.kinds.tables.understanding.importance.MOST_ROWS", 30)
    asked = []
    importance(known(data, asked), data.valid, METRICS["rmse"], [("age",)])
    assert asked == [30, 30]


def test_what_hangs_together_is_found(data):
    assert together(data.train.inputs.columns, describe(data).columns) == [("age", "months"), ("town",), ("noise",)]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("codes", "names", True),
        ("codes", "rank", True),
        ("codes", "other", False),
        ("many", "more", False),
        ("rank", "other", False),
    ],
)
def test_association_of_all_kinds_of_columns(first, second, same):
    """Names of the same codes agree; hundreds of names that have nothing to do with each other do not, by chance."""
    rng = np.random.default_rng(0)
    code, other = rng.integers(0, 4, N), rng.integers(0, 4, N)

    def words(codes, mark):
        return np.array([f"{mark}{at}" for at in codes], object)

    cells = {
        "codes": words(code, "a"),
        "names": words(code, "b"),
        "other": words(other, "c"),
        "rank": code + rng.normal(0, 0.1, N),
        "many": words(rng.integers(0, 150, N), "d"),
        "more": words(rng.integers(0, 150, N), "e"),
    }
    roles = {name: "number" if name == "rank" else "category" for name in (first, second)}
    columns = [fitted_column(name, {"role": role}, cells[name]) for name, role in roles.items()]
    found = together(cells, columns)
    assert (found == [(first, second)]) == same


def test_partial_dependence_is_the_formula(data):
    columns = {column.name: column for column in describe(data).columns}
    found = dependence(known(data), data.valid, columns["age"])
    steps = np.diff(found.mean) / np.diff(found.at)
    np.testing.assert_allclose(steps, 2.0)
    assert not found.percent and not found.is_named and found.output == "price"
    town = dependence(known(data), data.valid, columns["town"])
    by_name = dict(zip(town.values, town.mean.tolist(), strict=True))
    assert town.is_named and by_name["Bern"] - by_name["Chur"] == pytest.approx(10)
    np.testing.assert_allclose(np.ptp(town.answers, axis=1), 10)  # each row moves so


def test_dates_and_ordered_names_can_be_moved(customers):
    data = dt.table(customers, target="buys", types={"size": ["S", "M", "L"]})
    line = dt.Linear(data)
    for column in line.spec.columns:
        found = dependence(line.predict_rows, data.valid, column)
        assert found is not None and np.isfinite(found.answers).all() and found.percent and found.output == "yes"
        if column.name == "size":
            assert found.values == ("S", "M", "L")
        if column.name == "since":
            assert list(found.values) == sorted(found.values) and found.at[0] > 18_000  # days since 1970


def test_every_report_of_a_table_says_what_the_model_goes_by(customers, tmp_path):
    data = dt.table(customers, target="buys")
    line = dt.Linear(data)
    line.report(tmp_path / "report.html", probe=False)
    page = (tmp_path / "report.html").read_text()
    assert "What it goes by" in page and "How the answers move" in page and "wage" in page
    assert "What each column adds" in page
    report_saved(line.save(tmp_path / "line.model"), tmp_path / "saved.html", data=customers, probe=False)
    assert "What it goes by" in (tmp_path / "saved.html").read_text()


class Known:
    """A model of `frame` that knows what each column adds, in deviations from the mean price."""

    def __init__(self, data):
        self.std = data.target.std[0]

    def start(self):
        return np.array([0.5])

    def contributions(self, rows):
        cells = rows.inputs.columns
        parts = {
            "age": cells["age"].astype(float) - 49,
            "town": 7.0 * (cells["town"] == "Bern"),
            "noise": cells["noise"] * 0,
        }
        return {name: (np.asarray(part, float) / self.std)[:, None] for name, part in parts.items()}


def test_what_each_column_adds_is_told_in_the_units_of_the_target(data):
    spec = describe(data)
    shown = adding(Known(data), known(data), data, spec)
    rows = data.valid.inputs.columns
    age, bern = rows["age"].astype(float) - 49, 7.0 * (rows["town"] == "Bern")
    for part in (age, bern):
        assert f">{np.abs(part).mean():.3g}<" in shown
    start = data.target.mean[0] + 0.5 * data.target.std[0]
    assert f">{start:.4g}<" in shown and f">{start + (age + bern).max():.4g}<" in shown
    highest = np.argmax(age + bern)
    assert f"price {3 + 2 * rows['age'][highest] + 10 * (rows['town'][highest] == 'Bern'):.0f}" in shown
    assert "units of the target" in shown and "pair of columns" not in shown
    paired = spec.model_copy(update={"pairs": (Pair(first="town", second="town", seen=()),)})
    assert "counts half for each" in adding(Known(data), known(data), data, paired)


def test_of_many_columns_the_others_are_summed(data):
    class Many(Known):
        def contributions(self, rows):
            one = np.ones((len(rows), 1)) / self.std
            names = ["age", "town", "noise", "months"]
            cells = rows.inputs.columns
            cells |= {f"more {at}": cells["noise"] for at in range(8)}
            return {name: one * 2.0**at for at, name in enumerate([*names, *(f"more {at}" for at in range(8))])}

    shown = adding(Many(data), known(data), data, describe(data))
    assert shown.count("4 other columns") == 3 and shown.count(f">+{1 + 2 + 4 + 8}<") == 3


@pytest.mark.parametrize(
    ("target", "label_delim", "unit"),
    [("one", None, "odds of yes (0.69"), ("kind", None, "before softmax"), ("labels", ",", "surest label")],
    ids=["two classes", "classes", "labels"],
)
def test_reports_of_trees_and_lines_show_what_each_column_adds(target, label_delim, unit):
    rows = frame()
    age = rows["age"]
    answers = {
        "one": np.where(age > 49, "yes", "no"),
        "kind": np.array(["low", "mid", "top"])[np.digitize(age, [35, 60])],
        "labels": np.where(age > 49, "old", "old,young"),
    }
    data = dt.table(
        {**rows, "price": answers[target]}, target="price", types={"months": "number"}, label_delim=label_delim
    )
    with dt.quiet():
        models = (dt.Trees(data, members=1, budget="1s"), dt.Linear(data))
    for model in models:
        ((_, shown),) = report_sections(model.predict_rows, data, model.spec, model)
        assert "What each column adds" in shown and unit in shown and " %</h4>" in shown
    ((_, without),) = report_sections(models[0].predict_rows, data, models[0].spec)
    assert "What each column adds" not in without


def test_a_name_cannot_write_into_the_page():
    rows = frame()
    rows["<script>x</script>"] = rows.pop("age")
    data = dt.table(rows, target="price")
    line = dt.Linear(data)
    ((_, shown),) = report_sections(line.predict_rows, data, line.spec, line)
    assert "<script>" not in shown and "&lt;script&gt;" in shown


def test_the_same_seed_gives_the_same_numbers(data):
    one, other = (Understanding(known(data), data, describe(data)).importance for _ in range(2))
    assert one == other
