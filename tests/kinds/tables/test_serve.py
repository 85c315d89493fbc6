"""Rows in a service: JSON and CSV, checked against the columns; a form, reasons, and what would change the answer."""

import json

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.errors import InputError
from drivetrain.kinds.tables import serve
from drivetrain.kinds.tables.columns import CategoryColumn, DateColumn, NumberColumn
from drivetrain.kinds.tables.explaining import explain, replacements
from drivetrain.kinds.tables.show import show_source
from drivetrain.kinds.tables.spec import DAY_S, Spec
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.refusals import Refusal
from drivetrain.serving.app import make_app
from drivetrain.serving.service import Service
from drivetrain.serving.settings import Limits, Settings

LIMITS = Limits(picture_bytes=100_000)
AGE = NumberColumn(name="age", center=40, scale=10, low=18, high=80, knots=(-2.0, -1.0, 0.0, 1.0, 2.0))
TOWN = CategoryColumn(name="town", vocab=("Bern", "Chur"), counts=(30, 10), missing=0.6)
DAY = DateColumn(name="day", center=20_000.0, low=19_000.0, high=21_000.0)
SPEC = Spec(columns=(AGE, TOWN, DAY))
ROW = {"age": 60, "town": "Chur", "day": None}


class Stub:
    """Says "yes" to those above 45 of Bern, and to the others of Chur; in the form of a service's model."""

    def __init__(self, target):
        self.predictor = Predictor(SPEC, target, self.outputs)

    def outputs(self, numbers, codes):
        age, bern = numbers[:, 0] * 10 + 40, codes[:, 0] == 2
        if isinstance(self.predictor.target, dt.NumberTarget):
            return (np.nan_to_num(age) + 100 * bern)[:, None].astype(np.float32)
        yes = np.where((age > 45) == bern, 2.0, -2.0)
        return np.stack([np.zeros_like(yes), yes], axis=1).astype(np.float32)

    def admit(self, data):
        return serve.admit(data, LIMITS, SPEC)

    def load(self, admitted):
        try:
            return SPEC.load(serve.source(admitted))
        except InputError as error:
            raise Refusal(422, str(error)) from error

    def activated(self, *views):
        return self.predictor.activated(self.predictor.run(*views))

    def say(self, *views):
        from drivetrain.serving.model import Said

        outputs = self.predictor.run(*views)
        answers = self.predictor.answers(outputs)
        return [Said(*each) for each in zip(answers, [None] * len(answers), self.activated(*views), strict=True)]


@pytest.fixture
def stub():
    return Stub(dt.CategoryTarget(name="buys", vocab=("no", "yes")))


def test_what_a_cell_contributes_is_its_distance_from_the_mean_over_usual_ones(stub):
    found = explain(stub, json.dumps(ROW).encode(), until=float("inf"))
    assert found.prediction.label == "no" and found.of == "no"
    sure = 1 / (1 + np.exp(-2.0))
    by_age = sure - np.mean([1 - sure] * 3 + [sure] * 2)  # of the quantiles 20, 30, 40, 50, 60
    by_town = sure - (30 * (1 - sure) + 10 * sure) / 40
    assert [one["column"] for one in found.reasons] == ["age", "town"] if by_age > by_town else ["town", "age"]
    told = {one["column"]: one["change"] for one in found.reasons}
    assert told == {"town": pytest.approx(by_town, abs=1e-5), "age": pytest.approx(by_age, abs=1e-5)}


def test_what_would_change_the_answer_does(stub):
    found = explain(stub, json.dumps(ROW).encode(), until=float("inf"))
    assert {one["column"] for one in found.changes} == {"age", "town"}
    for one in found.changes:
        cell = float(one["to"]) if one["column"] == "age" else one["to"]
        assert stub.predictor.predict({**ROW, one["column"]: cell}).label == one["label"] == "yes"


def test_numbers_move_in_their_own_units():
    stub = Stub(dt.NumberTarget(names=("price",), mean=(0.0,), std=(1.0,)))
    found = explain(stub, json.dumps({**ROW, "age": 60}).encode(), until=float("inf"))
    assert {one["column"]: one["change"] for one in found.reasons} == {
        "age": pytest.approx(20, abs=1e-4),
        "town": pytest.approx(-75, abs=1e-4),
    }
    assert found.changes[0] == {"column": "town", "to": "Bern", "value": pytest.approx(160, abs=1e-4)}


def test_explaining_ends_in_time_and_says_what_is_wrong(stub):
    late = explain(stub, json.dumps(ROW).encode(), until=0)
    assert isinstance(late, Refusal) and late.status == 504
    wrong = explain(stub, json.dumps({**ROW, "age": "old"}).encode(), until=float("inf"))
    assert isinstance(wrong, Refusal) and "column 'age' holds 'old'" in wrong.message


def test_replacements_are_usual_cells():
    tried = replacements(SPEC)
    assert [one.cell for one in tried if one.place == 0] == [20, 30, 40, 50, 60]
    assert [(one.cell, one.weight) for one in tried if one.place == 1] == [(2, 30), (3, 10)]
    assert [one.cell for one in tried if one.place == 2] == [20_000 * DAY_S]


def test_the_form_is_made_from_the_columns():
    age, town, day = serve.about(SPEC)["columns"]
    assert (age["low"], age["usual"], age["high"]) == (18, 40, 80)
    assert town["values"] == ["Bern", "Chur"] and town["usual"] == "Bern" and town["missing"] == 0.6
    assert (day["low"], day["usual"], day["high"], day["timed"]) == ("2022-01-08", "2024-10-04", "2027-07-01", False)


GOOD = {
    "commas": (b"age,town\n3,Bern\n", "text/csv", [{"age": "3", "town": "Bern"}]),
    "semicolons": (b"age;town\n3,5;Bern\n", "text/csv", [{"age": "3,5", "town": "Bern"}]),
    "tabs": (b"age\ttown\n3\t\n", "text/tab-separated-values", [{"age": "3", "town": ""}]),
    "quotes": (b'age,town\n3,"Bern, ""old""\nside"\n', "text/csv", [{"age": "3", "town": 'Bern, "old"\nside'}]),
    "a mark of Excel": (b"\xef\xbb\xbfage\r\n3\r\n4\r\n", "text/csv", [{"age": "3"}, {"age": "4"}]),
    "not said": (b"age,town\n3,Bern\n", "application/x-www-form-urlencoded", [{"age": "3", "town": "Bern"}]),
    "a list": (b'[{"age": 3}, {"age": null}]', "application/json", [{"age": 3}, {"age": None}]),
    "a row": (b' {"age": 3}', "application/octet-stream", None),
}


@pytest.mark.parametrize("case", GOOD)
def test_bodies_of_several_rows(case):
    data, kind, expected = GOOD[case]
    found = serve.rows(data, kind)
    assert found == expected if expected is None else [json.loads(row) for row in found] == expected


BAD = {
    "nothing": (b"", "text/csv", 422, "no row"),
    "a header": (b"age,town\n", "text/csv", 422, "no row"),
    "an empty list": (b"[]", "application/json", 422, "no row"),
    "a cell too many": (b"age\n3\n3,4\n", "text/csv", 422, "row 2 of the CSV has 2 cells"),
    "one name twice": (b"age,age\n3,4\n", "text/csv", 422, "more than one column 'age'"),
    "an open quote": (b'age\n"3\n', "text/csv", 422, "row 1 of the CSV cannot be read"),
    "NUL": (b"age\n\0\n", "text/csv", 422, "NUL"),
    "a picture": (b"\xff\xd8\xff\xe0" * 9, "application/octet-stream", 422, "neither a JSON object nor CSV"),
    "half a list": (b"[1", "application/json", 422, "not read as JSON"),
    "too many": (b"a\n" + b"1\n" * 10_001, "text/csv", 413, "more than 10,000 rows"),
    "too many in JSON": (b"[" + b"1," * 10_000 + b"1]", "application/json", 413, "more than 10,000 rows"),
}


@pytest.mark.parametrize("case", BAD)
def test_bodies_that_are_refused(case):
    data, kind, status, said = BAD[case]
    with pytest.raises(Refusal, match=said) as caught:
        serve.rows(data, kind)
    assert caught.value.status == status


@pytest.mark.parametrize("data", [b"3", b"[1]", b'"a"', b"{", b'{"a": 1, "a": 2}', b'{"a": NaN}', b"\xff"], ids=repr)
def test_what_is_no_row_is_refused(data):
    with pytest.raises(Refusal, match="the row is"):
        serve.admit(data, LIMITS, SPEC)


def test_a_row_is_shown_as_a_small_table():
    drawn = show_source({"age": 39.0, "town": "<b>", "day": None, **{f"c{at}": at for at in range(20)}})
    assert "&lt;b&gt;" in drawn and "39" in drawn and "–" in drawn and "12 more" in drawn
    with pytest.raises(InputError, match="not a row"):
        show_source([1])


@pytest.fixture(scope="module")
def served(customers, tmp_path_factory):
    from drivetrain.serving.run import open_model

    path = tmp_path_factory.mktemp("served") / "line.model"
    dt.Linear(dt.table(customers, target="buys")).save(path)
    settings = Settings(log_predictions=path.with_suffix(".log"))
    return Service(open_model(path, settings), settings), customers.drop(columns="buys")


def test_a_service_answers_rows_in_their_order(served):
    from starlette.testclient import TestClient

    service, customers = served
    with TestClient(make_app(service), base_url="http://127.0.0.1:8000") as client:
        csv = customers.head(5).to_csv(index=False)
        many = client.post("/predict", content=csv, headers={"content-type": "text/csv"}).json()
        alone = [client.post("/predict", content=row.to_json(date_format="iso")).json() for _, row in
                 customers.head(5).iterrows()]  # fmt: skip
        assert [one.pop("row") for one in many] == [1, 2, 3, 4, 5]
        for one, other in zip(many, alone, strict=True):
            assert one["label"] == other["label"]
            assert one["probability"] == pytest.approx(other["probability"], abs=1e-6)
        mixed = client.post("/predict", json=[{}, json.loads(customers.iloc[0].to_json(date_format="iso"))]).json()
        assert "column 'age' is not there" in mixed[0]["error"] and mixed[1]["label"] == many[0]["label"]
        wrong = client.post("/predict", json={"age": "old"})
        assert wrong.status_code == 422 and "column 'age' holds 'old'" in wrong.json()["error"]
        told = client.post("/explain", content=customers.iloc[0].to_json(date_format="iso")).json()
        assert told["label"] == many[0]["label"] and {one["column"] for one in told["reasons"]} <= {*customers}
        assert [column["name"] for column in client.get("/about").json()["columns"]] == [*customers]
        assert b"fields" in client.get("/").content and b"/explain" in client.get("/page.js").content
        assert client.get("/openapi.json").status_code == 200
