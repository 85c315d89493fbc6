"""The queue is bounded, waiting is bounded, and what was taken is finished."""

import asyncio
import threading
import time

import pytest

from drivetrain.serving.desk import Desk
from drivetrain.serving.refusals import Refusal


@pytest.fixture
def gate():
    opened = threading.Event()
    yield opened
    opened.set()


def test_more_than_there_is_room_for_is_refused_at_once(gate):
    desk = Desk(threads=2, queue=3, deadline_s=5)
    taken = desk.take([gate.wait] * 5)
    with pytest.raises(Refusal) as refusal:
        desk.take([gate.wait])
    assert refusal.value.status == 503 and int(refusal.value.headers["retry-after"]) >= 1
    assert desk.waiting + desk.running == 5
    gate.set()
    assert all(future.result(5).value for future in taken)
    desk.finish()
    assert desk.waiting == desk.running == 0


def test_all_of_a_request_or_none_of_it(gate):
    desk = Desk(threads=1, queue=2, deadline_s=5)
    with pytest.raises(Refusal):
        desk.take([gate.wait] * 4)
    assert len(desk.take([gate.wait] * 3)) == 3
    gate.set()
    desk.finish()


def test_the_deadline_ends_waiting_and_what_had_not_begun_is_never_done(gate):
    desk = Desk(threads=1, queue=5, deadline_s=0.1)
    ran = []

    async def ask():
        busy = desk.take([gate.wait])
        late = desk.take([lambda: ran.append(1)] * 3)
        with pytest.raises(Refusal) as refusal:
            await desk.wait(late)
        gate.set()
        await asyncio.to_thread(busy[0].result, 5)
        return refusal.value.status

    assert asyncio.run(ask()) == 504
    desk.finish()
    assert ran == [] and desk.waiting == 0


def test_room_comes_back_when_work_fails():
    desk = Desk(threads=1, queue=0, deadline_s=5)

    async def ask():
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await desk.wait(desk.take([lambda: 1 / 0]))
            while desk.waiting or desk.running:
                await asyncio.sleep(0.01)
        return (await desk.wait(desk.take([lambda: 7])))[0]

    done = asyncio.run(ask())
    assert done.value == 7 and done.queue_s >= 0
    desk.finish()


def test_closing_finishes_what_was_taken():
    desk = Desk(threads=1, queue=5, deadline_s=5)
    taken = desk.take([lambda: time.sleep(0.02)] * 5)
    desk.finish()
    assert all(future.done() and not future.cancelled() for future in taken)
    with pytest.raises(Refusal, match="shutting down"):
        desk.take([time.time])


def test_the_hint_when_to_come_again_follows_what_work_costs():
    desk = Desk(threads=1, queue=100, deadline_s=60)
    [future.result() for future in desk.take([lambda: time.sleep(0.05)])]
    opened = threading.Event()
    desk.take([opened.wait] * 101)
    with pytest.raises(Refusal) as refusal:
        desk.take([opened.wait])
    assert 4 <= int(refusal.value.headers["retry-after"]) <= 20
    opened.set()
    desk.finish()
