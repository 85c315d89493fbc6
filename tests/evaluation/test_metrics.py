"""Every metric against scikit-learn or a formula, and the many-resamples form of each against its plain form."""

import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from sklearn.preprocessing import label_binarize

from drivetrain.errors import SettingError
from drivetrain.evaluation import METRICS, Metric, Predictions, default_metrics, resolve_metrics
from drivetrain.evaluation.intervals import interval as interval_of
from drivetrain.evaluation.intervals import resamples
from drivetrain.runtime.targets import CategoryTarget

from . import tables

CATEGORY = [
    tables.category(200, 5),
    tables.category(60, 2),
    tables.category(80, 30),
    tables.category(150, 4, ties=True),
]
CATEGORIES = [tables.categories(200, 5), tables.categories(90, 3, ties=True)]
NUMBER = [tables.number(200, 1), tables.number(50, 3)]
ALL = [
    (metric.name, table)
    for table in (*CATEGORY, *CATEGORIES, *NUMBER)
    for metric in METRICS.values()
    if table.target.kind in metric.kinds and (metric.name != "top_5_accuracy" or table.target.n_outputs > 5)
]


def value(name, table):
    return resolve_metrics([name], table.target)[0].value(table)


def one_hot(table):
    return (table.truth[:, None] == np.arange(table.target.n_outputs)).astype(int)


@pytest.mark.parametrize("table", CATEGORY, ids=repr)
def test_metrics_of_one_category_are_those_of_scikit_learn(table):
    truth, said, probs = table.truth, table.output.argmax(axis=1), table.output
    labels = range(table.target.n_outputs)
    assert value("accuracy", table) == pytest.approx(sk.accuracy_score(truth, said))
    assert value("error_rate", table) == pytest.approx(1 - sk.accuracy_score(truth, said))
    assert value("f1", table) == pytest.approx(sk.f1_score(truth, said, average="macro"))
    assert value("log_loss", table) == pytest.approx(sk.log_loss(truth, probs, labels=labels))
    assert value("brier", table) == pytest.approx(((probs - one_hot(table)) ** 2).sum() / len(table))
    if set(said) <= set(truth):
        assert value("balanced_accuracy", table) == pytest.approx(sk.balanced_accuracy_score(truth, said))
    else:
        recalls = [(said[truth == k] == k).mean() for k in np.unique(truth)]
        assert value("balanced_accuracy", table) == pytest.approx(np.mean(recalls))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k_is_that_of_scikit_learn(k):
    table = CATEGORY[0]
    expected = sk.top_k_accuracy_score(table.truth, table.output, k=k)
    assert value(f"top_{k}_accuracy", table) == pytest.approx(expected)


def test_top_1_is_accuracy_also_where_probabilities_are_equal():
    table = CATEGORY[3]
    assert any(np.sum(row == row.max()) > 1 for row in table.output)
    assert value("top_1_accuracy", table) == value("accuracy", table)


def test_brier_of_several_categories_is_that_of_scikit_learn_and_not_the_error_rate():
    table = CATEGORY[0]
    expected = sk.brier_score_loss(table.truth, table.output, labels=range(5), scale_by_half=False)
    assert value("brier", table) == pytest.approx(expected)
    assert abs(value("brier", table) - value("error_rate", table)) > 0.01


def test_ranking_metrics_of_one_category_are_those_of_scikit_learn():
    many, two = CATEGORY[0], CATEGORY[1]
    expected = sk.roc_auc_score(many.truth, many.output, multi_class="ovr", average="macro")
    assert value("roc_auc", many) == pytest.approx(expected)
    binary = label_binarize(many.truth, classes=range(5))
    assert value("average_precision", many) == pytest.approx(sk.average_precision_score(binary, many.output))
    assert value("roc_auc", two) == pytest.approx(sk.roc_auc_score(two.truth, two.output[:, 1]))
    assert value("average_precision", two) == pytest.approx(sk.average_precision_score(two.truth, two.output[:, 1]))


def test_absent_categories_are_left_out_of_the_ranking_and_it_is_said():
    table = tables.category(200, 5)
    part = table.subset(np.flatnonzero(table.truth != 2))
    expected = np.mean([sk.roc_auc_score(part.truth == k, part.output[:, k]) for k in (0, 1, 3, 4)])
    assert value("roc_auc", part) == pytest.approx(expected)
    assert METRICS["roc_auc"].note(part) == "1 of 5 categories left out: true of no row or of every row"
    assert METRICS["roc_auc"].note(table) is None


@pytest.mark.parametrize("table", CATEGORIES, ids=repr)
def test_metrics_of_several_categories_are_those_of_scikit_learn(table):
    truth, probs = table.truth.astype(int), table.output
    said = (probs >= 0.4).astype(int)  # the threshold of the target, not one half
    assert value("exact_match", table) == pytest.approx(sk.accuracy_score(truth, said))
    assert value("accuracy_multi", table) == pytest.approx(1 - sk.hamming_loss(truth, said))
    assert value("f1", table) == pytest.approx(sk.f1_score(truth, said, average="macro"))
    assert value("f1_micro", table) == pytest.approx(sk.f1_score(truth, said, average="micro"))
    assert value("roc_auc", table) == pytest.approx(sk.roc_auc_score(truth, probs))
    assert value("average_precision", table) == pytest.approx(sk.average_precision_score(truth, probs))
    columns = range(truth.shape[1])
    log_loss = np.mean([sk.log_loss(truth[:, k], np.clip(probs[:, k], 1e-15, 1), labels=[0, 1]) for k in columns])
    assert value("log_loss", table) == pytest.approx(log_loss)
    assert value("brier", table) == pytest.approx(
        np.mean([sk.brier_score_loss(truth[:, k], probs[:, k]) for k in columns])
    )


def test_f1_of_a_single_label_is_that_of_the_label():
    table = tables.categories(80, 1)
    said = (table.output >= 0.4).astype(int)
    expected = sk.f1_score(table.truth[:, 0], said[:, 0])
    for name in ("f1", "f1_micro"):
        assert value(name, table) == pytest.approx(expected)
        assert METRICS[name].statistic(table)(np.ones((1, 80)))[0] == pytest.approx(expected)


def test_labels_that_never_occur_are_left_out_of_f1():
    table = CATEGORIES[0]
    truth, output = table.truth.copy(), table.output.copy()
    truth[:, 1] = output[:, 1] = 0
    table = Predictions(ids=table.ids, target=table.target, truth=truth, output=output)
    kept = [0, 2, 3, 4]
    expected = sk.f1_score(truth[:, kept], output[:, kept] >= 0.4, average="macro")
    assert value("f1", table) == pytest.approx(expected)


@pytest.mark.parametrize("table", NUMBER, ids=repr)
def test_metrics_of_numbers_are_those_of_scikit_learn(table):
    assert value("rmse", table) == pytest.approx(sk.root_mean_squared_error(table.truth, table.output))
    assert value("mae", table) == pytest.approx(sk.mean_absolute_error(table.truth, table.output))
    assert value("r2", table) == pytest.approx(sk.r2_score(table.truth, table.output))


@pytest.mark.parametrize(("name", "table"), ALL, ids=lambda item: item if isinstance(item, str) else repr(item))
def test_many_resamples_at_once_give_what_one_at_a_time_gives(name, table):
    metric = METRICS[name]
    statistic = metric.statistic(table)
    assert statistic(np.ones((1, len(table))))[0] == pytest.approx(metric.value(table), abs=1e-12)
    (counts,) = resamples(len(table), 8, seed=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk._classification.UndefinedMetricWarning)
        drawn = [metric.value(table.subset(np.repeat(np.arange(len(table)), row.astype(int)))) for row in counts]
    assert statistic(counts) == pytest.approx(np.array(drawn), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("name", "table"), ALL, ids=lambda item: item if isinstance(item, str) else repr(item))
def test_groups_drawn_together_may_make_resamples_of_any_size(name, table):
    metric = METRICS[name]
    counts = np.random.default_rng(2).integers(0, 4, (4, len(table))).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk._classification.UndefinedMetricWarning)
        drawn = [metric.value(table.subset(np.repeat(np.arange(len(table)), row.astype(int)))) for row in counts]
    assert metric.statistic(table)(counts) == pytest.approx(np.array(drawn), abs=1e-9, nan_ok=True)


def test_resamples_without_a_value_are_nan():
    table = tables.category(6, 2).subset([0, 1, 2, 3, 4, 5])
    only_first = np.zeros((1, 6))
    only_first[0, 0] = 6
    for name in ("roc_auc", "average_precision"):
        assert np.isnan(METRICS[name].statistic(table)(only_first)).all()
    assert np.isnan(METRICS["r2"].statistic(tables.number(6, 1))(only_first)).all()


def test_defaults_follow_the_kind_of_target():
    names = [[m.name for m in default_metrics(t.target)] for t in (CATEGORY[0], CATEGORY[1], CATEGORIES[0], NUMBER[0])]
    assert names == [
        ["accuracy", "log_loss"],
        ["accuracy", "log_loss", "roc_auc"],
        ["average_precision", "f1", "exact_match"],
        ["rmse", "mae", "r2"],
    ]
    assert resolve_metrics(None, NUMBER[0].target) == default_metrics(NUMBER[0].target)


def test_directions_are_right():
    low = {m.name for m in METRICS.values() if not m.higher_is_better}
    assert low == {"error_rate", "log_loss", "brier", "rmse", "mae"}


def test_all_problems_are_reported_at_once():
    def mine(truth, output):
        return 0.0

    target = CATEGORY[0].target
    with pytest.raises(SettingError) as caught:
        resolve_metrics(["acuracy", "rmse", "f1", "f1", "top_9_accuracy", "auc", 3, lambda t, o: 0, mine, mine], target)
    message = str(caught.value)
    for part in (
        "8 of 10 metrics",
        "'acuracy' is no metric. Did you mean 'accuracy'?",
        "'rmse' is for targets of kind number",
        "'f1' is asked for twice",
        "'top_9_accuracy' is always 100 %",
        "Did you mean 'roc_auc'?",
        "type int",
        "define it with `def`",
        "'mine' is asked for twice",
        "choose among accuracy, error_rate, balanced_accuracy",
    ):
        assert part in message, part
    assert "exact_match" not in message


@pytest.mark.parametrize("name", ["top_0_accuracy", "top_-1_accuracy", "top_5_accuracy_", "Accuracy", ""])
def test_names_are_exact(name):
    with pytest.raises(SettingError, match="is no metric"):
        resolve_metrics([name], tables.category(9, 9).target)


def test_one_metric_needs_no_list():
    target = CATEGORY[0].target
    assert resolve_metrics("f1", target) == resolve_metrics(["f1"], target) == (METRICS["f1"],)
    assert resolve_metrics(METRICS["f1"], target) == (METRICS["f1"],)
    assert resolve_metrics(sk.log_loss, target)[0].name == "log_loss"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ([], "expected a name, a function"),
        ("acc", "Did you mean 'accuracy'"),
        (sk.accuracy_score, "reads labels, and gets the probabilities .* 'accuracy' is the same"),
        (sk.f1_score, r"wrap it, such as f\(truth, output.argmax\(axis=1\)\)"),
        (dict, "dict is a class"),
        (3, "metrics=3 cannot be used"),
        ({"accuracy": 1}, "cannot be used: expected"),
        ([None], "is of type NoneType"),
    ],
)
def test_what_is_no_metric_is_refused_before_anything_is_computed(asked, says):
    with pytest.raises(SettingError, match=says) as refused:
        resolve_metrics(asked, CATEGORY[0].target)
    assert "expected" in str(refused.value) and "To fix" in str(refused.value)


def test_functions_for_numbers_of_scikit_learn_are_taken_where_numbers_are_predicted():
    assert resolve_metrics(sk.mean_absolute_error, NUMBER[0].target)[0].name == "mean_absolute_error"


def test_resamples_are_fewer_where_rows_are_many_and_costly():
    small, auc = tables.category(100, 5), METRICS["roc_auc"]
    assert auc.n_resamples(small) == 2000
    assert METRICS["log_loss"].n_resamples(small) == 2000
    big = tables.category(12_000, 81)
    assert 200 <= auc.n_resamples(big) < 1000
    assert isinstance(auc, Metric)


def test_f1_of_few_rows_each_says_that_it_is_too_low_and_has_no_interval():
    rng = np.random.default_rng(0)
    target = CategoryTarget(name="kind", vocab=tuple("abcdefghij"))
    made = {
        n: Predictions(
            ids=tuple(map(str, range(n))),
            target=target,
            truth=rng.integers(10, size=n),
            output=rng.dirichlet(np.ones(10), n),
        )
        for n in (49, 50)
    }
    assert METRICS["f1"].note(made[49]) == "49 rows for 10 categories: with so few of each it comes out too low"
    assert METRICS["f1"].note(made[50]) is None
    assert interval_of(METRICS["f1"], made[49]) is None and interval_of(METRICS["f1"], made[50]) is not None


@pytest.mark.parametrize("make", [tables.category, tables.categories], ids=["category", "labels"])
@pytest.mark.parametrize("name", ["f1", "average_precision"])
def test_a_mean_over_other_categories_has_no_interval(name, make):
    """Of a label true of one row in twenty F1's interval covers 30 % where it is absent, that of precision 70 %."""
    metric = METRICS[name]

    def without(k, absent):
        table = make(400, k)
        truth = table.truth.copy()
        if table.target.kind == "category":
            truth[truth < absent] = k - 1
        else:
            truth[:, :absent] = 0
        return Predictions(ids=table.ids, target=table.target, truth=truth, output=table.output)

    few, many = without(5, 1), without(20, 2)
    assert np.isfinite(metric.value(few))
    assert interval_of(metric, few) is None and "1 of 5 categories" in metric.note(few)
    assert interval_of(metric, many) is not None  # a tenth of the categories is not what the mean hangs on
    assert interval_of(metric, without(20, 3)) is None
    assert interval_of(metric, without(5, 0)) is not None and metric.note(without(5, 0)) is None


def test_a_loss_without_a_mistake_says_what_one_would_make_of_it():
    target = CategoryTarget(name="kind", vocab=("a", "b", "c"))
    output = np.array([[0.9, 0.06, 0.04], [0.1, 0.8, 0.1], [0.02, 0.18, 0.8]])
    table = Predictions(ids=("x", "y", "z"), target=target, truth=np.arange(3), output=output)
    second = np.array([0.06, 0.1, 0.18])
    expected = (-np.log([0.9, 0.8, 0.8]).sum() - np.log(np.median(second))) / 4
    said = METRICS["log_loss"].note(table)
    assert said == f"none of these rows is wrong; with one that is, it would be about {expected:.2g}"
    right = ((output - np.eye(3)) ** 2).sum()
    brier = (right + np.median(((output - np.eye(3)[[1, 0, 1]]) ** 2).sum(axis=1))) / 4
    assert METRICS["brier"].note(table).endswith(f"about {brier:.2g}")
    wrong = Predictions(ids=table.ids, target=target, truth=np.array([0, 1, 1]), output=output)
    assert METRICS["log_loss"].note(wrong) is None and METRICS["log_loss"].note(tables.categories(50)) is None
