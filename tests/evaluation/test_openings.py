"""Opening the test set: the prediction comes first, every opening counts, and nobody is asked anything."""

import numpy as np
import pytest

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.seals.ledger import Ledger, of_kind
from drivetrain.data.seals.project import Project
from drivetrain.data.seals.seal import SealedSet, Seals
from drivetrain.errors import DrivetrainWarning, SealError
from drivetrain.evaluation.intervals import interval as interval_of
from drivetrain.evaluation.metrics.metrics import METRICS
from drivetrain.evaluation.record.openings import (
    describe,
    earlier_openings,
    head_in,
    open_test_set,
    simultaneous_level,
    warn_of_earlier,
)
from drivetrain.runtime.manifest import Expected, Manifest, Opening

from .tables import category

ACCURACY = [METRICS["accuracy"], METRICS["log_loss"]]
N = 200


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project")


@pytest.fixture
def table():
    return category(n=N)


@pytest.fixture
def sealed(table):
    return SealedSet.of(Examples(Files(table.ids), table.ids, ("x",) * N), source="made up")


def expected(value=0.8, low=0.7, high=0.9, trials=1):
    raw = value if trials == 1 else value + 0.02
    return Expected(metric="accuracy", value=value, low=low, high=high, raw=raw, n=100, n_test=N, trials=trials)


def open_it(table, sealed, project, *, model="a" * 64, said=None, **options):
    return open_test_set(
        lambda: table, ACCURACY, sealed=sealed, project=project, parameters_sha256=model, expected=said, **options
    )


def test_the_prediction_is_on_disk_before_a_row_is_judged(table, sealed, project):
    seen = []

    def judge():
        seen.extend(of_kind(Ledger(project).entries(), "predicted", "opened"))
        return table

    said = expected()
    opened = open_test_set(judge, ACCURACY, sealed=sealed, project=project, parameters_sha256="a" * 64, expected=said)
    (line,) = seen
    assert line.kind == "predicted" and line.facts["expected"] == said.model_dump(mode="json")
    last = Ledger(project).entries()[-1]
    assert last.kind == "opened" and last.facts["predicted"] == line.hash
    assert last.facts["scores"]["accuracy"]["value"] == opened.scores["accuracy"].value
    assert opened.opening.entry == last.hash == opened.head.hash
    assert opened.scores.part == "test" and opened.scores["accuracy"].n == N


def test_what_fails_while_judging_leaves_a_prediction_and_no_opening(table, sealed, project):
    def judge():
        raise OSError("a file is gone")

    with pytest.raises(OSError, match="is gone"):
        open_test_set(judge, ACCURACY, sealed=sealed, project=project, parameters_sha256="a" * 64, expected=None)
    assert [entry.kind for entry in Ledger(project).entries()] == ["began", "sealed", "predicted"]
    assert open_it(table, sealed, project).opening.count == 1


def test_whether_the_prediction_held_and_the_gap(table, sealed, project):
    value = METRICS["accuracy"].value(table)
    near = open_it(table, sealed, project, said=expected(value + 0.01, value - 0.1, value + 0.1)).opening
    assert near.held is True and near.gap == pytest.approx(-0.01)
    far = open_it(table, sealed, project, said=expected(value - 0.3, value - 0.35, value - 0.25)).opening
    assert far.held is False and far.gap == pytest.approx(0.3)
    none = open_it(table, sealed, project).opening
    assert none.held is None and none.gap is None and none.expected is None


def test_openings_are_counted_over_all_models_and_widen_the_interval(table, sealed, project):
    counts, widths = [], []
    for i in range(5):
        opened = open_it(table, sealed, project, model=f"{i}" * 64)
        counts.append(opened.opening.count)
        if i:
            wide, usual = opened.opening.simultaneous["accuracy"], opened.scores["accuracy"]
            interval = interval_of(METRICS["accuracy"], table, level=1 - 0.05 / (i + 1))
            assert (wide.low, wide.high) == pytest.approx((interval.low, interval.high))
            assert wide.low < usual.low and usual.high < wide.high
            widths.append(wide.high - wide.low)
        else:
            assert opened.opening.simultaneous == {}
    assert counts == [1, 2, 3, 4, 5] and widths == sorted(widths)
    assert [simultaneous_level(k) for k in (1, 2, 10)] == pytest.approx([0.95, 0.975, 0.995])


def test_simultaneous_intervals_hold_together():
    """Ten models on one test set: all ten intervals hold together at least 95 times of 100; single ones far less."""
    rng = np.random.default_rng(0)
    from drivetrain.evaluation.intervals import wilson_interval

    together = {0.95: 0, simultaneous_level(10): 0}
    for _ in range(300):
        hits = rng.binomial(500, 0.8, 10)
        for level in together:
            intervals = [wilson_interval(int(h), 500, level=level) for h in hits]
            together[level] += all(i.low <= 0.8 <= i.high for i in intervals)
    assert together[0.95] / 300 < 0.75 < 0.93 < together[simultaneous_level(10)] / 300


def test_an_opening_that_the_artefact_remembers_counts_once(table, sealed, project, tmp_path):
    first = open_it(table, sealed, project).opening
    assert open_it(table, sealed, project, earlier=[first]).opening.count == 2
    elsewhere = Project(tmp_path / "elsewhere")  # another machine: the artefact is all that remembers
    assert open_it(table, sealed, elsewhere, earlier=[first]).opening.count == 2
    old = Opening(when="2025", parameters_sha256="b" * 64, scores={})  # of an artefact from before there were seals
    assert len(earlier_openings(sealed, project, [first, old])) == 3


def test_much_the_same_test_set_is_the_same_test_set(table, project):
    rows = Examples(Files(table.ids), table.ids, ("x",) * N)
    whole = Seals(project).add(SealedSet.of(rows, source="a"))
    open_it(table, whole, project)
    fewer = SealedSet.of(rows.subset(range(1, N)), source="a", related=[whole.id])
    assert open_it(table.subset(range(1, N)), fewer, project).opening.count == 2
    assert open_it(table, whole, project).opening.count == 3


def test_other_models_before_are_a_warning(table, sealed, project):
    open_it(table, sealed, project, model="a" * 64)
    open_it(table, sealed, project, model="b" * 64)
    logged = earlier_openings(sealed, project)
    with pytest.warns(DrivetrainWarning, match=r"opened 1 time\(s\) before, for other parameters"):
        warn_of_earlier(logged, "b" * 64)
    warn_of_earlier(logged[:1], "a" * 64)  # the same parameters again: nothing new is learnt


def test_rows_that_were_not_sealed_are_no_test_rows(table, sealed, project):
    other = category(n=N + 3)
    with pytest.raises(SealError, match="3 of 203 test rows are not in the seal"):
        open_it(other, sealed, project)
    assert of_kind(Ledger(project).entries(), "opened") == []


def test_a_log_that_was_tampered_with_stops_the_opening(table, sealed, project):
    opened = open_it(table, sealed, project)
    text = project.log.read_text()
    project.log.write_text(text.replace('"held": null', '"held": true'))
    with pytest.raises(SealError, match="line 4 was changed"):
        open_it(table, sealed, project)
    project.log.write_text("\n".join(text.splitlines()[:1]) + "\n")
    project.head.write_text(project.head.read_text().replace('"n": 4', '"n": 1').replace(opened.head.hash, "0" * 64))
    with pytest.raises(SealError, match="line"):
        open_it(table, sealed, project, heads=[opened.head])


def test_where_nothing_can_be_written_the_opening_is_in_the_model_alone(table, sealed, project, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("drivetrain.data.seals.seal.add_folder", full)
    with pytest.warns(DrivetrainWarning, match="recorded in the model alone"):
        opened = open_it(table, sealed, project, earlier=[Opening(when="", parameters_sha256="c" * 64, scores={})])
    assert opened.opening.count == 2 and opened.opening.entry is None


def test_processes_that_do_not_write_leave_no_trace(table, sealed, project):
    opened = open_it(table, sealed, project, main=False)
    assert opened.head is None and opened.scores["accuracy"].n == N
    assert not project.folder.exists()


def test_a_person_reads_sentences(table, sealed, project):
    value = METRICS["accuracy"].value(table)
    opened = open_it(table, sealed, project, said=expected(value - 0.02, value - 0.1, value + 0.1, trials=7))
    lines = describe(opened.opening, opened.scores)
    assert lines[0].startswith("predicted from validation: accuracy ") and "choice among 7" in lines[0]
    held = "the prediction held: the test score is 2.0 points higher, which is within its interval"
    assert lines[1:] == [held, "opening 1 of this test set"]
    again = open_it(table, sealed, project, said=expected(value + 0.3, value + 0.2, value + 0.4))
    text = str(again)
    assert "the prediction did not hold: the test score is 30.0 points lower, outside its interval" in text
    assert "opening 2 of this test set, counted over all models; with 97.5 % intervals" in text
    assert f"\n  accuracy {100 * value:.1f} % [" in text
    assert describe(open_it(table, sealed, project).opening, opened.scores)[0].startswith("nothing was predicted")


def test_the_manifest_remembers_the_head_of_the_log(table, sealed, project):
    opened = open_it(table, sealed, project)
    seal = sealed.brief(opened.head)
    manifest = Manifest.model_construct(seal=seal)
    assert head_in(manifest) == opened.head
    assert head_in(Manifest.model_construct(seal=sealed.brief())) is None
    assert head_in(Manifest.model_construct(seal=None)) is None
