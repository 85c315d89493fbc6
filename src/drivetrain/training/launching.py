"""What a launcher asks for beside several processes: that a network lies split over them (FSDP).

``accelerate launch`` says so in the environment of each process, where ``torchrun`` leaves what the user has put there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from drivetrain.errors import SettingError
from drivetrain.text import short_reason

OTHER_ENGINES = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "a parallelism config",
}
"""Variable of the environment → what the launcher was asked for, and would be left out without a word."""


@dataclass(frozen=True)
class Sharding:
    """How a network is to be split, as the launcher was told."""

    classes: tuple[str, ...] = ()
    """Classes of the modules that are gathered one at a time; none: the blocks that a body repeats."""
    least: int | None = None
    """Instead: modules with more parameters than this."""


def asked_sharding() -> Sharding | None:
    """What was asked of the launcher, or None where networks are to lie whole in each process.

    Raises:
        SettingError: Something was asked that is not done here.
    """
    for name, engine in OTHER_ENGINES.items():
        if _says_yes(name):
            raise SettingError(
                f"the launcher was asked for {engine}, which is not supported: expected processes with whole copies, "
                "or FSDP. To fix: torchrun, or accelerate launch with --use_fsdp --fsdp_version 2 or neither."
            )
    if not _says_yes("ACCELERATE_USE_FSDP"):
        return None
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise SettingError(
            "FSDP version 1 was asked of the launcher, which torch gives up: expected version 2. To fix: accelerate "
            "launch --use_fsdp --fsdp_version 2, or FSDP_VERSION=2 in the environment."
        )
    from accelerate import FullyShardedDataParallelPlugin  # noqa: PLC0415 - only where it was asked for
    from torch.distributed.fsdp import CPUOffloadPolicy  # noqa: PLC0415
    from torch.distributed.fsdp.wrap import (  # noqa: PLC0415
        size_based_auto_wrap_policy,
        transformer_auto_wrap_policy,
    )

    try:
        asked = FullyShardedDataParallelPlugin()  # reads the environment
    except (ValueError, ImportError) as error:
        raise SettingError(
            f"the launcher's settings of FSDP cannot be used: {short_reason(error)}; expected those of accelerate "
            "launch --use_fsdp --fsdp_version 2. To fix: leave the others out."
        ) from error
    refused = {
        "--fsdp_offload_params": isinstance(asked.cpu_offload, CPUOffloadPolicy),
        "--fsdp_activation_checkpointing": bool(asked.activation_checkpointing),
        "--fsdp_ignored_modules": asked.ignored_modules is not None,
        "--fsdp_reshard_after_forward false": not getattr(asked, "reshard_after_forward", True),
    }
    for option, given in refused.items():
        if given:
            raise SettingError(
                f"{option} was asked of the launcher, which is not supported: expected FSDP without it. To fix: leave "
                "it out."
            )
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"  # else transformers gives all but one empty weights
    if asked.auto_wrap_policy is size_based_auto_wrap_policy:
        return Sharding(least=asked.min_num_params)
    named = asked.transformer_cls_names_to_wrap if asked.auto_wrap_policy is transformer_auto_wrap_policy else None
    return Sharding(classes=tuple(named or ()))


def _says_yes(name: str) -> bool:
    return os.environ.get(name, "false").lower() in ("true", "1")
