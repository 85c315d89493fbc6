"""Order, batches and draws are functions of the position alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drivetrain.errors import TrainingError
from drivetrain.runtime.spec import TensorSpec
from drivetrain.training.feeding import Feeder


class FakeStore:
    """Each row is a picture whose only value is its own number."""

    def get(self, rows: list[int]) -> list[tuple[np.ndarray]]:
        return [(np.full((2, 2, 1), row, np.uint8),) for row in rows]


class FakeSpec:
    """Views of one size: lengths do not matter."""

    def signature(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("pixels", "uint8", (2, 2, 1)),)


class FakeKind:
    n_draws = 3
    spec = FakeSpec()

    def collate(self, loaded: list[tuple[np.ndarray]]) -> tuple[torch.Tensor]:
        return (torch.from_numpy(np.stack([array for (array,) in loaded])),)


def make_feeder(n: int, **options: Any) -> Feeder:
    settings_: dict[str, Any] = {"batch_size": 8, "accumulate": 1, "seed": 1, "rank": 0, "world": 1}
    return Feeder(FakeStore(), np.arange(n), FakeKind(), **(settings_ | options))


def rows_of(feeder: Feeder, epoch: int = 0, start: int = 0) -> list[list[int]]:
    return [[int(row) for m in step.micro for row in m.target] for step in feeder.epoch(0, epoch, start=start)]


@settings(max_examples=40)
@given(n=st.integers(2, 200), batch=st.integers(2, 40), epoch=st.integers(0, 3))
def test_an_epoch_sees_every_row_once(n: int, batch: int, epoch: int) -> None:
    try:
        feeder = make_feeder(n, batch_size=batch)
    except TrainingError:
        assert batch < 4  # an even division leaves single rows
        return
    steps = rows_of(feeder, epoch)
    assert sorted(row for step in steps for row in step) == list(range(n))
    sizes = {len(step) for step in steps}
    assert max(sizes) <= batch and max(sizes) - min(sizes) <= 1, "no runt at the end"


def test_an_epoch_sees_the_rows_that_are_drawn_for_it() -> None:
    feeder = make_feeder(40)
    feeder.spread = np.where(np.arange(40) < 30, 0, 1)
    feeder.take(lambda random: np.concatenate([random.permutation(30)[:6], np.arange(30, 40)]))
    assert feeder.steps == 2  # of 8 rows, where 40 take 5
    seen = [[row for step in rows_of(feeder, epoch) for row in step] for epoch in range(9)]
    assert all(len(rows) == 16 and set(range(30, 40)) <= set(rows) for rows in seen)
    assert len({row for rows in seen for row in rows}) > 30, "other ones in each epoch"
    assert rows_of(feeder, 3, start=1) == rows_of(feeder, 3)[1:], "the same ones when it is taken up"
    assert all(2 <= sum(row < 30 for row in step) <= 4 for step in rows_of(feeder)), "some of each in every step"
    with pytest.raises(TrainingError, match="1 training rows in batches of 8"):
        feeder.take(lambda random: random.permutation(30)[:1])


def test_order_differs_between_epochs_and_seeds_but_not_between_runs() -> None:
    assert rows_of(make_feeder(40)) == rows_of(make_feeder(40))
    assert rows_of(make_feeder(40)) != rows_of(make_feeder(40), epoch=1)
    assert rows_of(make_feeder(40)) != rows_of(make_feeder(40, seed=2))


def test_an_epoch_can_be_entered_at_any_step() -> None:
    assert rows_of(make_feeder(40), start=3) == rows_of(make_feeder(40))[3:]


@settings(max_examples=30)
@given(n=st.integers(16, 120), world=st.integers(1, 3), accumulate=st.integers(1, 2))
def test_processes_share_the_rows_and_their_draws(n: int, world: int, accumulate: int) -> None:
    options = {"batch_size": 8, "accumulate": accumulate}
    whole = make_feeder(n, **options)
    try:
        shares = [make_feeder(n, **options, rank=rank, world=world) for rank in range(world)]
    except TrainingError:
        return
    for together, *apart in zip(whole.epoch(0, 0), *(share.epoch(0, 0) for share in shares), strict=True):

        def pairs(micro: Any) -> Any:
            return zip(micro.target, micro.inputs.draws, strict=True)

        def drawn(steps: list[Any]) -> dict[int, list[float]]:
            return {int(r): d.tolist() for s in steps for m in s.micro for r, d in pairs(m)}

        assert drawn([together]) == drawn(apart)
        # Gradients are averaged over processes: the shares must add up to a mean over all rows of the step.
        weight = sum(m.share * len(m.target) for step in apart for m in step.micro) / world
        assert weight == pytest.approx(1.0)


@pytest.mark.parametrize(("n", "options"), [(1, {}), (8, {"world": 8}), (8, {"accumulate": 8})])
def test_too_few_rows_are_explained(n: int, options: dict[str, int]) -> None:
    with pytest.raises(TrainingError, match="at least 2"):
        make_feeder(n, **options)


def test_rows_that_cannot_be_read_are_left_out() -> None:
    feeder = make_feeder(8)
    feeder.store.get = lambda rows: [None if row == 3 else (np.zeros((2, 2, 1), np.uint8),) for row in rows]
    assert sorted(rows_of(feeder)[0]) == [0, 1, 2, 4, 5, 6, 7]
    feeder.store.get = lambda rows: [None for _ in rows]
    with pytest.raises(TrainingError, match="moved"):
        rows_of(feeder)


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    from drivetrain.data.cache.store import free_memory_bytes

    machine = free_memory_bytes(tmp_path / "no limit")
    assert machine > 1024**2
    for name, text in (("memory.max", "max\n"), ("memory.current", "300\n")):
        (tmp_path / name).write_text(text)
    assert free_memory_bytes(tmp_path) == pytest.approx(machine, rel=0.5)
    (tmp_path / "memory.max").write_text("1000\n")
    assert free_memory_bytes(tmp_path) == 700
    (tmp_path / "memory.current").write_text("1200\n")
    assert free_memory_bytes(tmp_path) == 0


def test_store_keeps_what_fits_and_reads_the_rest_again(tmp_path: Path) -> None:
    from drivetrain.data.cache.store import Store
    from drivetrain.data.inputs import Files

    reads: list[str] = []

    class Reader:
        def load(self, source: Path, /) -> tuple[np.ndarray]:
            reads.append(source.name)
            return (np.full((10, 10, 1), int(source.name), np.uint8),)

    store = Store(Files([Path(str(i)) for i in range(3)]), Reader(), memory_bytes=250)
    assert [int(a[0][0, 0, 0]) for a in store.get([2, 0, 1, 2]) if a is not None] == [2, 0, 1, 2]
    store.get([0, 1, 2])
    assert sorted(reads) == ["0", "1", "1", "2"], "two arrays of 100 bytes fit into 250"
