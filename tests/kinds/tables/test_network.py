"""The network of a table: what it reads, what its members say, and what it cannot know of a row's own target."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import drivetrain as dt
from drivetrain.errors import ModelError
from drivetrain.kinds.tables import encoding
from drivetrain.kinds.tables.encoding import FOLDS, fit_statistics, fold_tables
from drivetrain.kinds.tables.fitting import describe
from drivetrain.kinds.tables.network import FASTER, Intake, Members, Names, Numbers, placed, row_keys
from drivetrain.kinds.tables.spec import UNKNOWN, CategoryColumn, NumberColumn, Spec
from drivetrain.kinds.tables.training import prepare, rebuild, usual

N = 240
COPIES = pytest.mark.filterwarnings("ignore:.*(content|validation row)")
"""Copies are told of elsewhere."""


def rows(n=N, seed=0):
    rng = np.random.default_rng(seed)
    town, trade = rng.integers(0, 40, n), rng.integers(0, 45, n)
    age = np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 10, n))
    ill = (town % 7 == 0) | (np.nan_to_num(age) > 50)
    return {
        "town": [f"t{one}" for one in town],
        "trade": [f"w{one}" for one in trade],
        "age": age.tolist(),
        "ill": np.where(ill, "yes", "no").tolist(),
    }


@pytest.fixture
def data(forgetful):
    return dt.table(rows(), target="ill")


def test_a_number_is_a_line_between_its_knots_and_constant_beyond_them():
    net = Numbers([[0.0, 1.0, 3.0]], 1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[[2.0], [10.0], [7.0]]]))  # of the two bins, then of a gap
        net.weight /= FASTER
        net.bias.zero_()
    asked = torch.tensor([[-5.0], [0.5], [1.0], [2.0], [99.0], [float("nan")]])
    assert net(asked)[:, 0].tolist() == [0.0, 1.0, 2.0, 7.0, 12.0, 7.0]


def test_a_column_of_one_value_is_read_without_bins():
    assert torch.isfinite(Numbers([[3.0], [0.0, 1.0]], 2)(torch.tensor([[3.0, float("nan")]]))).all()


def test_rare_names_share_the_place_of_the_unknown_one():
    column = CategoryColumn(name="town", vocab=("a", "b", "c"), counts=(9, 5, 4))
    net = Names([column])
    found = net(torch.tensor([[UNKNOWN], [2], [3], [4]]))
    assert placed(column) == 4
    assert torch.equal(found[3], found[0]) and not torch.equal(found[2], found[0])


def test_members_answer_with_their_mean_and_learn_one_by_one():
    torch.manual_seed(0)
    head = Members(3, 2, members=4, width=5, layers=1, dropout=0.0)
    features = torch.randn(8, 3)
    each = [
        torch.relu((features * scale) @ head.hidden[0].weight.T + head.hidden[0].bias) @ weight + bias
        for scale, weight, bias in zip(head.scales, head.weight, head.bias, strict=True)
    ]
    assert torch.allclose(head.eval()(features), torch.stack(each).mean(dim=0), atol=1e-6)
    said = head.train()(features)
    near = torch.stack([(said - one).abs().amax(dim=1) for one in each])  # (members, rows)
    assert (near.amin(dim=0) < 1e-6).all()
    assert torch.bincount(near.argmin(dim=0), minlength=4).tolist() == [2, 2, 2, 2]


def test_members_begin_with_the_base_rates():
    head = Members(3, 2, members=4, width=5, layers=2, dropout=0.5)
    head.start_from(np.array([-1.0, 2.0]))
    with torch.no_grad():
        head.weight.zero_()
    assert head.eval()(torch.randn(2, 3)).tolist() == [[-1.0, 2.0]] * 2


def test_statistics_of_a_fold_are_those_of_the_other_folds():
    rng = np.random.default_rng(0)
    codes, said = rng.integers(0, 5, (60, 2)), rng.random((60, 1))
    folds = rng.integers(0, FOLDS, 60)
    found, crossed = fit_statistics(codes, [5, 5], said, folds)
    tables = fold_tables(codes, [5, 5], said, folds, found.weights)
    looked_up = [np.concatenate([tables[f][a], tables[f][5 + b]]) for f, (a, b) in zip(folds, codes, strict=True)]
    assert np.allclose(looked_up, crossed)


def test_no_row_is_told_its_own_target(data, monkeypatch):
    """Turning one row's target changes what others are told, and not what the row itself is told."""
    monkeypatch.setattr(encoding, "WEIGHTS", (10.0,))
    turned = ("no" if data.train.values[5] == "yes" else "yes",)
    changed = replace(data.train, values=data.train.values[:5] + turned + data.train.values[6:])
    told = []
    for train in (data.train, changed):
        kind = prepare(replace(data, train=train), arch=None, pretrained=True, augment=False, dropout=0.1)
        batch = kind.collate([kind.spec.load(train.inputs[row]) for row in range(len(train))])
        told.append(kind.vary(batch, torch.zeros(len(train), kind.n_draws))[-1])
    other = (told[0] - told[1]).abs().amax(dim=1) > 1e-6
    assert other.any()
    assert not other[5]


@COPIES
def test_copies_share_a_fold(forgetful):
    table = rows()
    twice = {name: [*cells, *cells] for name, cells in table.items()}
    kind = prepare(dt.table(twice, target="ill"), arch=None, pretrained=True, augment=False, dropout=0.1)
    assert len(kind._keys) < len(table["ill"])
    keys = row_keys(
        [torch.tensor([[1.0, float("nan")], [1.0, float("nan")], [2.0, 0.0]]), torch.tensor([[3], [3], [3]])]
    )
    assert keys[0] == keys[1] != keys[2]


def test_pairs_of_columns_of_many_names_are_read(data):
    kind = prepare(data, arch=None, pretrained=True, augment=True, dropout=0.1)
    assert [(pair.first, pair.second) for pair in kind.spec.pairs] == [("town", "trade")]
    assert kind.decisions["pairs"].value == 1
    assert "town × trade" in kind.decisions["pairs"].reason


def test_names_are_unknown_now_and_then_in_training_alone(data):
    kind = prepare(data, arch=None, pretrained=True, augment=True, dropout=0.1)
    batch = kind.collate([kind.spec.load(data.train.inputs[row]) for row in range(4)])
    draws = torch.tensor([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    codes = kind.vary(batch, draws)[1]
    assert (codes[:, :2] == UNKNOWN).tolist() == [[True, False], [False, False], [False, True], [True, True]]
    assert torch.equal(codes[:, 2:], batch[1][:, 2:])
    assert torch.equal(kind.intake(*batch)[1], batch[1])


@COPIES
@pytest.mark.parametrize("target", ["ill", "age"])
@pytest.mark.parametrize("columns", [["age2"], ["town"], ["age2", "town"]], ids="+".join)
def test_columns_of_one_kind_alone_do_as_well(forgetful, target, columns):
    table = rows()
    table["age2"] = [one * 2 for one in table["age"]]
    keep = [at for at, age in enumerate(table["age"]) if age == age]
    table = {name: [cells[at] for at in keep] for name, cells in table.items()}
    data = dt.table(table, target=target, columns=columns)
    learn = dt.Learner(data, device="cpu", precision="fp32").fit(1, checkpoint=False)
    assert len(learn.predictions()) == len(data.valid)


def test_what_is_usual_of_tables_is_taken_unless_asked_otherwise(data):
    learn = dt.Learner(data, device="cpu")
    assert learn.batch_size == usual(data)["batch_size"].value
    assert [type(each).__name__ for each in learn.callbacks] == ["KeepBest"]
    assert dt.Learner(data, device="cpu", recipe={"batch_size": 20}).batch_size == 20
    few = dt.table(rows(60), target="ill", valid_pct=0.0, test_pct=0.2)
    assert dt.Learner(few, device="cpu").callbacks == []


def test_another_network_is_refused(data):
    with pytest.raises(ModelError, match="expected 'tabular'"):
        dt.Learner(data, "resnet18", device="cpu")


@pytest.mark.parametrize("value", [0, "x", None, True])
def test_sizes_of_a_saved_network_are_checked(value):
    spec = Spec(columns=(NumberColumn(name="a"),))
    options = {"heads": 2, "hidden_size": 8, "num_layers": value, "dim_out": 2}
    made = type("Described", (), {"options": options, "dropout": 0.1})
    with pytest.raises(ModelError, match="num_layers"):
        rebuild(spec, made, 2)


def test_knots_lie_where_few_rows_are_too(forgetful):
    """Of a column that is mostly 0, as gains are, the rest has knots of its own."""
    rng = np.random.default_rng(0)
    gain = np.where(rng.random(2000) < 0.92, 0.0, rng.random(2000) * 1000)
    data = dt.table({"gain": gain.tolist(), "ill": ["yes" if one > 500 else "no" for one in gain]}, target="ill")
    column = describe(data).columns[0]
    assert sum(knot > 0 for knot in column.knots) > 20


def test_the_table_of_an_intake_gives_the_statistics_of_each_code():
    spec = Spec(columns=(CategoryColumn(name="a", vocab=("x",)), CategoryColumn(name="b", vocab=("y", "z"))))
    intake = Intake(spec, 2)
    with torch.no_grad():
        intake.table.copy_(torch.arange(14.0).reshape(7, 2))
    assert intake(torch.tensor([[2, 3]]))[1].tolist() == [[4.0, 5.0, 12.0, 13.0]]
