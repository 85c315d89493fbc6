"""The queue is bounded, waiting is bounded, and what was taken is finished."""

import asyncio
import threading
import time

import pytest

from drivetrain.runtime.refusals import Refusal
from drivetrain.serving.desk import Desk, need_heavy_thread


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


def test_heavy_work_waits_for_heavy_work_alone(gate):
    desk = Desk(threads=1, queue=4, deadline_s=5)

    def heavy():
        need_heavy_thread()
        return gate.wait(5)

    first = desk.take([heavy])[0]
    light = [desk.take([lambda: 7])[0].result(2) for _ in range(10)]
    assert [done.value for done in light] == [7] * 10 and not first.done()
    assert desk.running == 1 and not desk.stuck
    second = desk.take([heavy])[0]
    third = desk.take([heavy])[0]
    with pytest.raises(Refusal, match="2 large inputs are waiting") as refusal:
        third.result(2)
    assert refusal.value.status == 503
    gate.set()
    assert first.result(5).value and second.result(5).value
    desk.finish()
    assert desk.waiting == desk.running == 0


def test_heavy_work_that_nobody_waits_for_is_not_done(gate):
    desk = Desk(threads=1, queue=8, deadline_s=0.1)
    ran = []

    def heavy(number):
        need_heavy_thread()
        ran.append(number)
        return gate.wait(5)

    taken = desk.take([lambda: heavy(1), lambda: heavy(2)])
    time.sleep(0.3)
    gate.set()
    assert taken[0].result(5).value
    with pytest.raises(Refusal) as refusal:
        taken[1].result(5)
    assert refusal.value.status == 504 and ran == [1]
    desk.finish()


def test_it_is_stuck_when_no_thread_comes_back(gate):
    desk = Desk(threads=2, queue=2, deadline_s=0.1)
    first = desk.take([gate.wait])
    time.sleep(0.3)
    assert not desk.stuck
    second = desk.take([gate.wait])
    time.sleep(0.3)
    assert desk.stuck
    gate.set()
    assert first[0].result(5).value and second[0].result(5).value and not desk.stuck
    desk.finish()


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
