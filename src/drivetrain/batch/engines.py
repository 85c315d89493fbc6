"""Who does the pieces: processes of this machine, or actors of Ray."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

from drivetrain.batch.answering import Answerer, Done, Job
from drivetrain.batch.work import Piece
from drivetrain.errors import MissingExtraError, SystemLimitError

_answerer: Answerer | None = None
"""Of a process that answers: the model is opened once."""


def with_processes(job: Job, pieces: Sequence[Piece], workers: int) -> Iterator[Done]:
    """Answer with so many processes, each with one thread.

    Raises:
        SystemLimitError: A process was killed; what is done stays.
    """
    if workers == 1 or len(pieces) == 1:
        yield from map(Answerer(job), pieces)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(pieces)), spawn, _begin, (job, os.getpid())) as pool:
        asked = [pool.submit(_answer, piece) for piece in pieces]
        try:
            for one in as_completed(asked):
                yield one.result()
        except BrokenProcessPool as error:
            raise SystemLimitError(
                "a process that answered was killed, most likely for want of memory; expected room for one model in "
                "each. To fix: give the same command again, which goes on, with fewer --workers."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def with_ray(job: Job, pieces: Sequence[Piece], workers: int) -> Iterator[Done]:
    """Answer with Ray Data: each actor holds one model, and takes one piece after the other.

    A cluster that RAY_ADDRESS names is used; else Ray is started on this machine for as long as this takes.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    try:
        import ray  # noqa: PLC0415 - an optional package
        import ray.data  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            "--engine ray needs Ray Data, which is not installed; expected version 2.50 or later. To fix: pip install "
            "'drivetrain[scale]', or take --engine processes."
        ) from error

    class Actor:
        def __init__(self) -> None:
            self.answer = Answerer(job)

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            done = [self.answer(pieces[int(number)]) for number in batch["piece"]]
            return {name: [getattr(each, name) for each in done] for name in Done._fields}

    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what goes wrong in an actor is raised here
    mine = not ray.is_initialized()
    if mine and os.environ.get("RAY_ADDRESS"):
        ray.init()
    elif mine:
        own: dict[str, Any] = {"num_cpus": workers + 1, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        ray.init(logging_level=logging.ERROR, log_to_driver=False, **own)
    try:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        items: Any = ray.data.from_items([{"piece": at} for at in range(len(pieces))], override_num_blocks=len(pieces))
        pool = ray.data.ActorPoolStrategy(size=min(workers, len(pieces)))
        for row in items.map_batches(Actor, batch_size=1, compute=pool, num_cpus=1).iter_rows():
            yield Done(int(row["number"]), int(row["rows"]), int(row["failed"]))
    finally:
        if mine:
            ray.shutdown()


def _begin(job: Job, parent: int) -> None:
    global _answerer  # noqa: PLW0603 - a process has one model
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _answerer = Answerer(job)


def _answer(piece: Piece) -> Done:
    assert _answerer is not None
    return _answerer(piece)


def _end_with(parent: int) -> None:
    """End this process when the one that began it has ended, however it did."""
    with suppress(Exception):
        while os.getppid() == parent:
            time.sleep(0.5)
    os._exit(1)
