"""What a launcher asks for is done, or refused with what to do instead; never left out without a word."""

from __future__ import annotations

import pytest

from drivetrain.errors import SettingError
from drivetrain.training.launching import Sharding, asked_sharding
from drivetrain.training.place import find_place

from .conftest import MakeLearner


@pytest.fixture(autouse=True)
def _fsdp(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `accelerate launch --use_fsdp --fsdp_version 2` leaves it to its processes."""
    for name, value in {
        "ACCELERATE_USE_FSDP": "true",
        "FSDP_VERSION": "2",
        "FSDP_RESHARD_AFTER_FORWARD": "true",
        "FSDP_OFFLOAD_PARAMS": "false",
        "FSDP_MIN_NUM_PARAMS": "100000000",
        "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",
    }.items():
        monkeypatch.setenv(name, value)


def test_blocks_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_sharding() == Sharding()
    monkeypatch.setenv("FSDP_AUTO_WRAP_POLICY", "TRANSFORMER_BASED_WRAP")
    monkeypatch.setenv("FSDP_TRANSFORMER_CLS_TO_WRAP", "Block,Attention")
    assert asked_sharding() == Sharding(classes=("Block", "Attention"))
    monkeypatch.setenv("FSDP_AUTO_WRAP_POLICY", "SIZE_BASED_WRAP")
    assert asked_sharding() == Sharding(least=100_000_000)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "false")
    assert asked_sharding() is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FSDP_VERSION", "1", "--fsdp_version 2"),
        ("FSDP_OFFLOAD_PARAMS", "true", "--fsdp_offload_params"),
        ("FSDP_ACTIVATION_CHECKPOINTING", "true", "--fsdp_activation_checkpointing"),
        ("FSDP_IGNORED_MODULES", "head", "--fsdp_ignored_modules"),
        ("FSDP_RESHARD_AFTER_FORWARD", "false", "--fsdp_reshard_after_forward"),
        ("FSDP_RESHARD_AFTER_FORWARD", "FULL_SHARD", "settings of FSDP"),
        ("FSDP_AUTO_WRAP_POLICY", "BY_COLOUR", "settings of FSDP"),
        ("ACCELERATE_USE_DEEPSPEED", "true", "DeepSpeed"),
        ("ACCELERATE_USE_MEGATRON_LM", "true", "Megatron-LM"),
        ("ACCELERATE_USE_PARALLELISM_CONFIG", "true", "a parallelism config"),
    ],
)
def test_what_is_not_done_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=r"(?s)expected.*To fix: ") as error:
        find_place("cpu")
    assert said in str(error.value)


def test_one_process_says_that_there_is_nothing_to_split_over(make_learner: MakeLearner) -> None:
    learn = make_learner()
    assert not learn.place.split
    assert learn.decisions["weights"].value == "whole"
    assert "one process" in learn.decisions["weights"].reason
