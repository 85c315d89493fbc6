"""Activations come back as they were stored."""

from pathlib import Path

import numpy as np
import pytest
import torch

from drivetrain.training.fast import activations
from drivetrain.training.fast.activations import fill_bank

ROWS, VIEWS = 7, 3


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "deep" / "top.bank" if request.param == "file" else None


def values(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(VIEWS, ROWS, *shape).to(dtype)


def produce(stored: torch.Tensor, skip: tuple[int, ...] = ()):
    for view in range(VIEWS):
        for rows in np.array_split(np.random.default_rng(view).permutation(ROWS), 3):
            there = rows[~np.isin(rows, skip)]
            yield there, view, stored[view, torch.from_numpy(there)]


@pytest.mark.parametrize("shape", [(4, 5, 6), (9, 8), (16,)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_round_trip(place: Path | None, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    stored = values(shape, dtype)
    bank = fill_bank(place, lambda: produce(stored), rows=ROWS, views=VIEWS)
    rows, views = np.array([3, 0, 6, 3]), np.array([2, 0, 1, 0])
    assert torch.equal(bank.get(rows, views), stored[torch.from_numpy(views), torch.from_numpy(rows)])
    assert bank.there(rows).tolist() == rows.tolist()
    if place:
        again = fill_bank(place, lambda: pytest.fail("it is there"), rows=ROWS, views=VIEWS)
        assert torch.equal(again.get(rows, views), bank.get(rows, views))


def test_pictures_stay_channels_last(place: Path | None) -> None:
    stored = values((4, 5, 6), torch.float32)
    bank = fill_bank(place, lambda: produce(stored), rows=ROWS, views=VIEWS)
    taken = bank.get(np.array([1, 2]), np.array([0, 0]))
    assert taken.is_contiguous(memory_format=torch.channels_last)


def test_rows_that_could_not_be_read_are_known(place: Path | None) -> None:
    stored = values((4,), torch.float32)
    bank = fill_bank(place, lambda: produce(stored, skip=(2, 5)), rows=ROWS, views=VIEWS)
    assert bank.there(np.arange(ROWS)).tolist() == [0, 1, 3, 4, 6]


def test_one_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    stored, path = values((4,), torch.float32), tmp_path / "top.bank"

    def killed():
        yield next(produce(stored))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill_bank(path, killed, rows=ROWS, views=VIEWS)
    assert not path.exists()
    bank = fill_bank(path, lambda: produce(stored), rows=ROWS, views=VIEWS)
    assert torch.equal(bank.get(np.arange(ROWS), np.zeros(ROWS, int)), stored[0])


def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(activations.os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        fill_bank(tmp_path / "top.bank", lambda: produce(values((4,), torch.float32)), rows=ROWS, views=VIEWS)
