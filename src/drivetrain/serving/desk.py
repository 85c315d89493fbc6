"""A desk with a bounded queue: a few threads, and nobody waits longer than the deadline.

Heavy work has a thread of its own: who sends large pictures waits for those who did so before, and nobody else does.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from drivetrain.runtime.refusals import Refusal, busy

T = TypeVar("T")

_WEIGHT = 0.05
"""Of the newest job in the running mean of what one costs."""
HEAVY_SHARE = 4
"""One in so many places of the queue may be taken by heavy work."""

_here = threading.local()


class HeavyError(Exception):
    """Ends a job in a thread for light work; the desk begins it anew in the one for heavy work."""


def need_heavy_thread() -> None:
    """What a job calls before it does something heavy; raises HeavyError where it must not be done here."""
    if getattr(_here, "light", False):
        raise HeavyError


def _mark_light() -> None:
    _here.light = True


@dataclass(frozen=True)
class Done(Generic[T]):
    """A result, and how long it waited for a thread."""

    value: T
    queue_s: float


class Desk:
    """Runs work in threads; what is asked for is `threads` at once and `queue` waiting, at most.

    Args:
        threads: Light work done at once; one thread more does heavy work.
        queue: Work that may wait.
        deadline_s: Longest wait for a result, from `take` on.
    """

    def __init__(self, threads: int, queue: int, deadline_s: float) -> None:
        self.threads = threads
        self.most = threads + queue
        self.most_heavy = 1 + queue // HEAVY_SHARE
        self.deadline_s = deadline_s
        self._light = ThreadPoolExecutor(threads, thread_name_prefix="predict", initializer=_mark_light)
        self._heavy = ThreadPoolExecutor(1, thread_name_prefix="heavy")
        self._lock = threading.Lock()
        self._admitted = 0
        self._admitted_heavy = 0
        self._began: dict[int, float] = {}
        self._began_light: dict[int, float] = {}
        self._seconds = 0.0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Admitted and not begun."""
        return max(0, self._admitted - self.running)

    @property
    def running(self) -> int:
        """Begun and not finished."""
        return len(self._began)

    @property
    def busy(self) -> bool:
        """Whether every thread for light work is taken, or work waits for one."""
        return self.waiting > 0 or self.running >= self.threads

    @property
    def stuck(self) -> bool:
        """Whether every thread for light work has been busy with one job for longer than anybody waits."""
        late = time.monotonic() - self.deadline_s
        with self._lock:
            return len(self._began_light) == self.threads and all(began < late for began in self._began_light.values())

    def take(self, jobs: list[Callable[[], T]]) -> list[Future[Done[T]]]:
        """Admit all of these or none.

        Raises:
            Refusal: 503; there is no room, or the service is closing.
        """
        with self._lock:
            if self._closed:
                raise busy("the service is shutting down", 5)
            if self._admitted + len(jobs) > self.most:
                raise busy(f"{self._admitted} inputs are waiting or being worked on; come again", self._retry_s())
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
            raise self._too_late()
        return [future.result() for future in waited_for]

    def close(self) -> None:
        """Take no more."""
        self._closed = True

    def finish(self) -> None:
        """Take no more, and return when all that was admitted is done."""
        self.close()
        self._light.shutdown(wait=True)
        self._heavy.shutdown(wait=True)

    def _submit(self, job: Callable[[], T]) -> Future[Done[T]]:
        future: Future[Done[T]] = Future()
        future.add_done_callback(self._left)
        self._light.submit(self._do, job, future, time.monotonic())
        return future

    def _do(self, job: Callable[[], T], future: Future[Done[T]], asked: float) -> None:
        """In a thread for light work."""
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(self._timed(job, asked, self._began_light))
        except HeavyError:
            self._hand_over(job, future, asked)
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
            future.set_exception(error)

    def _hand_over(self, job: Callable[[], T], future: Future[Done[T]], asked: float) -> None:
        with self._lock:
            room = self._admitted_heavy < self.most_heavy
            self._admitted_heavy += room
        if room:
            self._heavy.submit(self._do_heavy, job, future, asked)
        else:
            future.set_exception(busy(f"{self.most_heavy} large inputs are waiting; come again", self._retry_s()))

    def _do_heavy(self, job: Callable[[], T], future: Future[Done[T]], asked: float) -> None:
        try:
            if time.monotonic() > asked + self.deadline_s:
                raise self._too_late()  # nobody waits for it any more
            future.set_result(self._timed(job, asked, {}))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
            future.set_exception(error)
        finally:
            with self._lock:
                self._admitted_heavy -= 1

    def _timed(self, job: Callable[[], T], asked: float, began_here: dict[int, float]) -> Done[T]:
        began, thread = time.monotonic(), threading.get_ident()
        with self._lock:
            self._began[thread] = began_here[thread] = began
        try:
            return Done(job(), began - asked)
        finally:
            with self._lock:
                del self._began[thread], began_here[thread]
                took = time.monotonic() - began
                self._seconds += (_WEIGHT if self._seconds else 1.0) * (took - self._seconds)

    def _too_late(self) -> Refusal:
        return Refusal(504, f"no answer within {self.deadline_s:g} seconds")

    def _left(self, _: Future[Done[T]]) -> None:
        with self._lock:
            self._admitted -= 1

    def _retry_s(self) -> int:
        """Whole seconds until what is admitted now will be done, by what work has cost so far."""
        return max(1, math.ceil(self._admitted * self._seconds / self.threads))
