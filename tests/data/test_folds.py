"""Folds: every row validates once, groups stay whole, time goes forward, the test set is in none."""

import itertools
import warnings
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drivetrain.data.data import Data, Sealed
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.listing import SourceSpec
from drivetrain.data.splitting.divide import fit_target
from drivetrain.data.splitting.split import Split
from drivetrain.errors import DataError, SettingError, SplitError
from drivetrain.runtime.targets import CategoriesTarget

rows = st.lists(
    st.tuples(st.integers(1, 400), st.sampled_from("aaabbc"), st.integers(0, 9), st.integers(0, 30)),
    min_size=12,
    max_size=60,
)
"""Content, class, group, time."""


def make(rows, *, kind="category", groups=False, times=False, method="stratified", gap=0.0, order=None):
    """Data as `images` would have divided it: every tenth content tests, every third of the others validates."""
    rows = [rows[i] for i in (order or range(len(rows)))]
    values = {
        "category": [name for _, name, _, _ in rows],
        "categories": [(name, "odd") if content % 2 else (name,) for content, name, _, _ in rows],
        "number": [(float(content),) for content, _, _, _ in rows],
    }[kind]
    every = Examples(
        Files(Path(f"{i}.png") for i in range(len(rows))),
        tuple(f"{content:032x}" for content, *_ in rows),
        tuple(values),
        groups=tuple(f"g{group}" for _, _, group, _ in rows) if groups else (),
        times=tuple(float(time) for *_, time in rows) if times else (),
    )
    parts = ["test" if content % 10 == 0 else "valid" if content % 3 == 0 else "train" for content, *_ in rows]
    train, valid, test = (
        every.subset([i for i, p in enumerate(parts) if p == name]) for name in ("train", "valid", "test")
    )
    split = Split.of(
        every.digests,
        parts,
        method="time" if times else method,
        seed=1,
        valid_pct=0.3,
        test_pct=0.1,
        group="g" if groups else None,
        time="t" if times else None,
        gap=gap,
    )
    fitted = fit_target(kind, ["x"], train.values)
    return Data(
        train, valid, fitted, split, SourceSpec(layout="table", kind=kind, target=("x",)), "x", sealed_test=Sealed(test)
    )


def folded(*args, k=3, seed=None, **options):
    """The data and its folds, or None where they cannot be made of such rows."""
    if not any(content % 10 and content % 3 for content, *_ in args[0]):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = make(*args, **options)
            return data, data.folds(k, seed=seed)
        except DataError:
            return None


def contents(examples):
    return Counter(zip(examples.digests, examples.values, strict=True))


@settings(max_examples=120)
@given(rows=rows, kind=st.sampled_from(["category", "categories", "number"]), groups=st.booleans(), k=st.integers(2, 4))
def test_every_row_validates_once_or_always_trains(rows, kind, groups, k):
    found = folded(rows, kind=kind, groups=groups, k=k)
    assume(found is not None)
    data, folds = found
    every = contents(Examples.concat([data.train, data.valid]))
    judged = Counter()
    for fold in folds:
        assert contents(fold.train) + contents(fold.valid) == every
        assert not set(fold.train.digests) & set(fold.valid.digests)
        if groups:
            assert not set(fold.train.groups) & set(fold.valid.groups)
        judged += contents(fold.valid)
        assert len(fold.valid)
    assert all(judged[row] in (0, n) for row, n in every.items())
    always = set(every) - set(judged)
    if kind == "number":
        assert not always
    for fold in folds:
        assert always <= set(contents(fold.train))
        if kind != "number":
            assert set(fold.target.vocab) == set(folds[0].target.vocab), "every fold trains every label"
        assert fold.sealed_test.open() is data.sealed_test.open()
        assert fold.split.find("test") == data.split.find("test")
        assert fold.split.method == "fold"
    assert len({fold.split.identity for fold in folds}) == k


@settings(max_examples=60)
@given(rows=rows, groups=st.booleans(), kind=st.sampled_from(["category", "number"]), data=st.data())
def test_order_changes_no_fold(rows, groups, kind, data):
    found = folded(rows, groups=groups, kind=kind)
    assume(found is not None)
    order = data.draw(st.permutations(range(len(rows))))
    again = folded(rows, groups=groups, kind=kind, order=order)
    assert [fold.split.identity for fold in again[1]] == [fold.split.identity for fold in found[1]]


@settings(max_examples=120)
@given(rows=rows, groups=st.booleans(), gap=st.sampled_from([0.0, 1.0, 3.0]), k=st.integers(2, 3))
def test_folds_by_time_go_forward(rows, groups, gap, k):
    found = folded(rows, groups=groups, times=True, gap=gap, k=k)
    assume(found is not None)
    _, folds = found
    for fold in folds:
        assume(len(fold.valid))  # all its classes may be new
        assert min(fold.valid.times) - max(fold.train.times) >= gap
        assert max(fold.train.times) < min(fold.valid.times)
        assert not set(fold.train.digests) & set(fold.valid.digests)
        if groups:
            assert not set(fold.train.groups) & set(fold.valid.groups)
    for earlier, later in itertools.pairwise(folds):
        assert max(earlier.valid.times) < min(later.valid.times)


def some(n=90, classes="aabc", n_groups=9):
    return [(3 * i + 1, classes[i % len(classes)], i % n_groups, i) for i in range(n)]


def test_folds_are_made_as_the_split_was():
    for options, how in (
        ({}, "stratified"),
        ({"method": "random"}, "random"),
        ({"groups": True}, "stratified grouped"),
        ({"groups": True, "method": "grouped"}, "grouped"),
        ({"kind": "number"}, "random"),
        ({"kind": "number", "groups": True}, "grouped"),
        ({"times": True}, "time"),
        ({"method": "given"}, "stratified"),
    ):
        data = make(some(), **options)
        folds = data.folds(3)
        assert [fold.split.fold for fold in folds] == [f"{i} of 3 ({how})" for i in (1, 2, 3)]
        assert folds[0].folds(2)[0].split.fold == f"1 of 2 ({how})"
        assert str(folds[0].decisions["fold"]).startswith(f"1 of 3 ({how})")


def test_folds_are_alike():
    for groups in (False, True):
        folds = make(some(200), groups=groups).folds(3)
        sizes = [len(fold.valid) for fold in folds]
        assert max(sizes) - min(sizes) <= (4 if not groups else 25)
        shares = [Counter(fold.valid.values)["a"] / len(fold.valid) for fold in folds]
        assert max(shares) - min(shares) < 0.1


def test_the_seed_makes_other_folds():
    data = make(some())
    identities = {fold.split.identity for seed in range(3) for fold in data.folds(3, seed=seed)}
    assert len(identities) == 9
    assert [fold.split.identity for fold in data.folds(3)] == [fold.split.identity for fold in data.folds(3, seed=1)]


def test_rare_labels_always_train():
    rare = [*some(60), (1001, "once", 3, 5)]
    data = make(rare)
    for fold in data.folds(5):
        assert "once" in fold.train.values
    tags = make(rare, kind="categories")
    assert isinstance(tags.target, CategoriesTarget)
    for fold in tags.folds(5):
        assert set(fold.target.vocab) == set(tags.target.vocab)


def test_nested_folds_keep_the_outer_rows_out():
    for groups in (False, True):
        data = make(some(120), groups=groups)
        nested = data.nested_folds(3, inner=2)
        assert len(nested) == 3
        for fold in nested:
            assert len(fold.inner) == 2
            held_out = set(fold.outer.valid.digests)
            for inner in fold.inner:
                seen = Examples.concat([inner.train, inner.valid])
                assert contents(seen) == contents(fold.outer.train)
                assert not held_out & set(seen.digests)
                if groups:
                    assert not set(fold.outer.valid.groups) & set(seen.groups)


def test_what_cannot_be_folded_is_explained():
    for k in (1, 0, True, 2.5, "five", None):
        with pytest.raises(SettingError, match="expected a whole number of at least 2"):
            make(some()).folds(k)
    with pytest.raises(SplitError, match=r"9 groups or distinct rows .* cannot make 10 folds.*fewer folds"):
        make(some(), groups=True, kind="number").folds(10)
    with pytest.raises(SplitError, match="distinct times cannot make 4 folds"):
        make([(i, name, 0, 5) for i, name, _, _ in some()], times=True).folds(4)
    with pytest.raises(SplitError, match="has no training row before it and its gap of 500"):
        make(some(), times=True, gap=500.0).folds(3)


def test_folds_that_must_never_change():
    """Golden: groups of one size go where their names and the seed put them, however numpy sorts on a machine."""
    folds = make(some(90), groups=True, kind="number").folds(3)
    assert [sorted(set(fold.valid.groups)) for fold in folds] == [
        ["g6", "g7", "g8"],
        ["g2", "g4", "g5"],
        ["g0", "g1", "g3"],
    ]
