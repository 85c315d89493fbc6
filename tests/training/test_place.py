"""Device, precision and processes: chosen with a reason, refused with one."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator

from drivetrain.errors import SettingError
from drivetrain.training.place import find_place


@pytest.mark.parametrize(
    ("amx", "avx512", "expected"), [(True, True, "bf16"), (False, True, "bf16"), (False, False, "fp32")]
)
def test_bf16_only_where_the_cpu_has_it(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx512: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    place = find_place("cpu")
    assert place.precision.value == expected
    assert ("AMX" in place.precision.reason) == amx


def test_what_was_asked_of_the_launcher_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert find_place("cpu").precision.reason == "as asked of accelerate launch"
    assert find_place("cpu", "fp32").precision.value == "fp32"


def test_processes_that_do_not_find_each_other_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise each would train a model of its own and call it the common one."""
    Accelerator(cpu=True)  # set up before, for one process
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingError, match="2 processes were launched and 1 found"):
        find_place()


def test_the_callers_random_state_is_put_back() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with find_place("cpu").own_randomness():
        torch.manual_seed(99)
        torch.rand(5)
    assert torch.equal(torch.rand(2), expected)
