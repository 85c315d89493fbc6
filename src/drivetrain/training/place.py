"""Where training runs and in what precision: one process or many, CPU or GPU, through Hugging Face Accelerate."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import torch
from torch import Tensor, nn

from drivetrain.errors import SettingError
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import device as asked_device
from drivetrain.settings import precision as asked_precision
from drivetrain.text import short_reason
from drivetrain.training.launching import Sharding, asked_sharding

if TYPE_CHECKING:
    from accelerate import Accelerator

Precision = Literal["auto", "fp32", "bf16", "fp16"]

_DTYPE = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Place:
    """Device, precision and this process's place among the others.

    Started by ``accelerate launch`` or ``torchrun``, each process is one of `world`; otherwise `world` is 1.
    """

    launched: Accelerator | None
    """Accelerate's view of the processes, where a launcher started this one; loading it takes a while."""
    device: torch.device
    precision: Decision
    rank: int
    world: int
    sharding: Sharding | None = None
    """How networks are to be split over the processes, where that was asked for."""

    @property
    def split(self) -> bool:
        """Whether a network is split over the processes; otherwise each holds all of it."""
        return self.sharding is not None and self.world > 1

    @property
    def accelerator(self) -> Accelerator:
        """What several processes share; asked for only where there are several."""
        assert self.launched is not None
        return self.launched

    @property
    def main(self) -> bool:
        """Whether this process is the one that prints and writes files."""
        return self.rank == 0

    @property
    def dtype(self) -> torch.dtype:
        """Of the body's arithmetic."""
        return _DTYPE[str(self.precision.value)]

    def judging(self) -> Place:
        """The same in fp32, as a saved model answers: what is printed of a model is what it will be worth."""
        if self.dtype is torch.float32:
            return self
        return replace(self, precision=Decision(value="fp32", reason="judged as the saved model answers"))

    def autocast(self) -> AbstractContextManager[Any]:
        """The body's layers inside this block run in `dtype`."""
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype is not torch.float32)

    def own_randomness(self) -> AbstractContextManager[Any]:
        """Inside this block torch may be seeded at will; the caller's random state is put back afterwards."""
        return torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else [])

    def distribute(self, network: nn.Module) -> nn.Module:
        """Wrap a network so that its gradients are averaged over all processes; one that is split does so itself."""
        return self.accelerator.prepare_model(network) if self.world > 1 and not self.split else network

    def share_buffers(self, network: nn.Module) -> None:
        """Give all processes the first one's buffers: statistics of batch norm follow the rows that a process sees."""
        if self.world > 1:
            from accelerate.utils import broadcast  # noqa: PLC0415 - only where there are several processes

            for buffer in network.buffers():
                buffer.copy_(broadcast(buffer))

    def gather(self, rows: Tensor) -> Tensor:
        """Rows of all processes, in the order of their ranks; every process must hold equally many."""
        if self.world == 1:
            return rows
        from accelerate.utils import gather  # noqa: PLC0415 - only where there are several processes

        gathered = gather(rows)
        assert isinstance(gathered, Tensor)
        return gathered

    def first(self, own: float) -> float:
        """What the first process holds: for what depends on time, which is different in each."""
        if self.world == 1:
            return own
        return float(self.gather(torch.tensor([own], dtype=torch.float64, device=self.device))[0])

    def each(self, own: float) -> list[float]:
        """What every process holds, in the order of their ranks."""
        if self.world == 1:
            return [own]
        return self.gather(torch.tensor([own], dtype=torch.float64, device=self.device)).tolist()

    def any(self, *own: bool) -> tuple[bool, ...]:
        """Of each question, whether some process says yes: what one of them does, all have to do."""
        if self.world == 1:
            return own
        said = self.gather(torch.tensor([own], dtype=torch.uint8, device=self.device))
        return tuple(bool(yes) for yes in said.amax(dim=0).tolist())

    def sum(self, share: float) -> float:
        """The sum of what each process holds."""
        if self.world == 1:
            return share  # not every device has the precision for this
        return float(self.gather(torch.tensor([share], dtype=torch.float64, device=self.device)).sum())


def find_place(device: str | int | torch.device = "auto", precision: Precision | torch.dtype = "auto") -> Place:
    """Choose where and how to compute.

    Args:
        device: ``auto`` takes a GPU where there is one (of several processes, each its own); ``gpu`` insists on one;
            otherwise a torch device, its name, or the number of a CUDA GPU.
        precision: ``auto`` takes bf16 where the hardware has it natively, else fp32.

    Raises:
        SettingError: The device or the precision is unknown or not available here.
    """
    device, precision = asked_device(device), cast(Precision, asked_precision(precision, get_args(Precision)))
    _use_granted_threads()
    sharding = asked_sharding()
    accelerator = _accelerator() if _is_launched() else None
    world = accelerator.num_processes if accelerator else 1
    found = accelerator.device if accelerator else _found_device()
    if device == "gpu" and found.type == "cpu":
        raise SettingError(
            "device='gpu' cannot be used here: expected a GPU, and torch finds none. To fix: device='auto'."
        )
    chosen = found if device in ("auto", "gpu") else _device(device)
    if chosen != found and world > 1:
        raise SettingError(
            f"device={device!r} cannot be combined with several processes: expected 'auto'. To fix: leave it to the "
            "launcher."
        )
    launched = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if precision == "auto" and launched in (
        "bf16",
        "fp16",
    ):  # "no" is also what the launcher says when it was not asked
        decision = Decision(value=launched, reason="as asked of accelerate launch")
    else:
        decision = _native_precision(chosen) if precision == "auto" else Decision(value=precision, reason="as asked")
    if decision.value == "fp16" and chosen.type != "cuda":
        raise SettingError(
            f"precision='fp16' needs a CUDA GPU, and the device is {chosen}; expected 'bf16' or 'fp32' there. To fix: "
            "precision='auto'."
        )
    if decision.value == "fp16" and sharding and world > 1:
        raise SettingError(
            "precision='fp16' cannot be used with a network that lies split over processes (FSDP), since its scaled "
            "losses would have to be watched in all; expected 'bf16' or 'fp32'. To fix: precision='bf16'."
        )
    return Place(accelerator, chosen, decision, accelerator.process_index if accelerator else 0, world, sharding)


def _is_launched() -> bool:
    """Whether ``torchrun`` or ``accelerate launch`` started this process; both say so in its environment."""
    return "WORLD_SIZE" in os.environ or any(name.startswith("ACCELERATE_") for name in os.environ)


def _found_device() -> torch.device:
    """A GPU where there is one, as Accelerate would find it."""
    found = torch.accelerator.current_accelerator(check_available=True) if torch.accelerator.is_available() else None
    return found or torch.device("cpu")


def _accelerator() -> Accelerator:
    """Accelerate's view of the processes there are.

    Precision is left to this page, since Accelerate allows one per Python process only. Without an accelerator it
    joins the processes of ``torchrun`` only when it is told to use the CPU.
    """
    from accelerate import Accelerator  # noqa: PLC0415 - only where it has processes to look after

    launched = int(os.environ.get("WORLD_SIZE", "1"))
    on_cpu = launched > 1 and not torch.accelerator.is_available()
    accelerator = Accelerator(mixed_precision="no", cpu=on_cpu)
    if accelerator.num_processes != launched:
        raise SettingError(
            f"{launched} processes were launched and {accelerator.num_processes} found each other: every one would "
            "train a model of its own. To fix: make the Learner before anything else sets Accelerate up."
        )
    return accelerator


def _use_granted_threads() -> None:
    """No more threads than a container's quota pays for: those beyond would make the others wait.

    torch itself counts the cores that a process may run on, which a quota does not change.
    """
    if "OMP_NUM_THREADS" not in os.environ and usable_cpus() < torch.get_num_threads():
        torch.set_num_threads(usable_cpus())


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except Exception as error:  # what a device that is not there raises depends on the device
        raise SettingError(
            f"device={name!r} cannot be used here: {short_reason(error)}; expected a device of this machine. To fix: "
            "device='auto'."
        ) from error
    return device


def _native_precision(device: torch.device) -> Decision:
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Decision(value="bf16", reason="this GPU computes bf16 natively")
        return Decision(value="fp16", reason="this GPU has no native bf16; losses are scaled against underflow")
    if device.type == "cpu":
        for instructions, has in (("AMX", "_is_amx_tile_supported"), ("AVX512-BF16", "_is_avx512_bf16_supported")):
            if getattr(torch.cpu, has, bool)():
                return Decision(value="bf16", reason=f"this CPU has {instructions}: bf16 is native")
        return Decision(value="fp32", reason="this CPU would emulate bf16, which is slower")
    return Decision(value="fp32", reason=f"the safe choice on {device.type}")
