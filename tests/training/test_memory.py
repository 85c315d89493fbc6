"""Freed memory is kept while it is asked for, and given back afterwards."""

from __future__ import annotations

import gc
import threading

import psutil
import pytest

from drivetrain.training.fast import memory
from drivetrain.training.fast.memory import kept_memory

BLOCK = 200_000_000
KEEPS = memory._glibc() is not None  # pyright: ignore[reportPrivateUsage]
pytestmark = pytest.mark.skipif(not KEEPS, reason="only glibc can be told to keep memory")


def resident() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


def page_faults() -> int:
    resource = pytest.importorskip("resource")
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def use_and_free() -> None:
    """Write to each page of a block, as a layer writes its output."""
    block = bytearray(BLOCK)
    for page in range(0, BLOCK, 4096):
        block[page] = 1


def faults_of_three() -> int:
    use_and_free()
    before = page_faults()
    for _ in range(3):
        use_and_free()
    return page_faults() - before


def test_a_block_is_used_again_without_page_faults():
    thrown_away = faults_of_three()
    with kept_memory():
        kept = faults_of_three()
    # bytearray asks for cleared memory: of a block that is kept the library clears it itself, without the system.
    assert kept < thrown_away / 10


def test_what_was_kept_goes_back_at_the_end():
    before = resident()
    with kept_memory():
        use_and_free()
        assert resident() - before > BLOCK / 2
    assert resident() - before < BLOCK / 10


def test_only_the_last_to_end_gives_back():
    before = resident()
    with kept_memory():
        with kept_memory():
            use_and_free()
        assert resident() - before > BLOCK / 2
    assert resident() - before < BLOCK / 10


def test_threads_share_the_setting():
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with kept_memory():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    with kept_memory():
        use_and_free()
        kept = resident()
    assert resident() > kept - BLOCK / 10  # the thread still keeps
    leave.set()
    thread.join()
    assert resident() < kept - BLOCK / 2


def test_an_error_inside_gives_back_too():
    before = resident()
    with pytest.raises(ZeroDivisionError), kept_memory():
        use_and_free()
        _ = 1 / 0
    assert resident() - before < BLOCK / 10


def test_who_holds_a_share_of_a_network_gives_back_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "_at_once", False)  # what it was is put back, as are the settings
    memory.give_back_at_once()
    try:
        before = resident()
        for _ in range(2):  # and so it stays
            with kept_memory():
                use_and_free()
                assert resident() - before < BLOCK / 10
    finally:
        memory._set(memory.GIVE_BACK)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("libc", [("musl", "1.2"), ("", "")])
def test_another_c_library_is_left_alone(libc: tuple[str, str], monkeypatch: pytest.MonkeyPatch):
    memory._glibc.cache_clear()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr("platform.libc_ver", lambda: libc)
    try:
        before = resident()
        with kept_memory():
            use_and_free()
            assert resident() - before < BLOCK / 10
    finally:
        memory._glibc.cache_clear()  # pyright: ignore[reportPrivateUsage]
