"""A desk with a bounded queue: a few threads, and nobody waits longer than the deadline."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from drivetrain.serving.refusals import Refusal, busy

T = TypeVar("T")

_WEIGHT = 0.05
"""Of the newest job in the running mean of what one costs."""


@dataclass(frozen=True)
class Done(Generic[T]):
    """A result, and how long it waited for a thread."""

    value: T
    queue_s: float


class Desk:
    """Runs work in threads; what is asked for is `threads` at once and `queue` waiting, at most.

    Args:
        threads: Work done at once.
        queue: Work that may wait.
        deadline_s: Longest wait for a result, from `take` on.
    """

    def __init__(self, threads: int, queue: int, deadline_s: float) -> None:
        self.threads = threads
        self.most = threads + queue
        self.deadline_s = deadline_s
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="predict")
        self._lock = threading.Lock()
        self._admitted = 0
        self._running = 0
        self._seconds = 0.0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Admitted and not begun."""
        return max(0, self._admitted - self._running)

    @property
    def running(self) -> int:
        """Begun and not finished."""
        return self._running

    def take(self, jobs: list[Callable[[], T]]) -> list[Future[Done[T]]]:
        """Admit all of these or none.

        Raises:
            Refusal: 503; there is no room, or the service is closing.
        """
        with self._lock:
            if self._closed:
                raise busy("the service is shutting down", 5)
            if self._admitted + len(jobs) > self.most:
                raise busy(f"{self._admitted} pictures are waiting or being worked on; come again", self._retry_s())
            self._admitted += len(jobs)
        return [self._submit(job) for job in jobs]

    async def wait(self, futures: list[Future[Done[T]]]) -> list[Done[T]]:
        """The results, in order; what has not begun at the deadline is not done at all.

        Raises:
            Refusal: 504; the deadline has passed.
        """
        waited_for = [asyncio.wrap_future(future) for future in futures]
        try:
            _, late = await asyncio.wait(waited_for, timeout=self.deadline_s)
        finally:
            for future in futures:
                future.cancel()  # does nothing to those that have begun
        if late:
            raise Refusal(504, f"no answer within {self.deadline_s:g} seconds")
        return [future.result() for future in waited_for]

    def close(self) -> None:
        """Take no more."""
        self._closed = True

    def finish(self) -> None:
        """Take no more, and return when all that was admitted is done."""
        self.close()
        self._pool.shutdown(wait=True)

    def _submit(self, job: Callable[[], T]) -> Future[Done[T]]:
        asked = time.monotonic()

        def run() -> Done[T]:
            began = time.monotonic()
            with self._lock:
                self._running += 1
            try:
                return Done(job(), began - asked)
            finally:
                with self._lock:
                    self._running -= 1
                    took = time.monotonic() - began
                    self._seconds += (_WEIGHT if self._seconds else 1.0) * (took - self._seconds)

        future = self._pool.submit(run)
        future.add_done_callback(self._left)
        return future

    def _left(self, _: Future[Done[T]]) -> None:
        with self._lock:
            self._admitted -= 1

    def _retry_s(self) -> int:
        """Whole seconds until what is admitted now will be done, by what work has cost so far."""
        return max(1, math.ceil(self._admitted * self._seconds / self.threads))
