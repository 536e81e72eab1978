"""A process that is cut off is noticed by its silence, and only then."""

import contextlib
import datetime
import threading
import time

import pytest
import torch.distributed as dist

from limbeck.training.distributed.heartbeat import heartbeat

SILENCE = 1.5


@pytest.fixture
def store():
    return dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=datetime.timedelta(seconds=10), wait_for_workers=False)


def connections(store, count):
    """Return connections of processes to the store, each of its own."""
    return [dist.PrefixStore("run", store.clone()) for _ in range(count)]


def test_nobody_is_lost_while_all_are_alive_nor_after_the_end(store):
    lost = []
    with contextlib.ExitStack() as all_of_them:
        for rank, own in enumerate(connections(store, 3)):
            all_of_them.enter_context(heartbeat(own, rank, 3, lambda rank=rank: lost.append(rank), SILENCE))
        time.sleep(2 * SILENCE)
    time.sleep(SILENCE)
    assert not lost


@pytest.mark.parametrize(("silent", "noticed_by"), [(2, {0}), (0, {1, 2})])
def test_a_silent_process_is_noticed(store, silent, noticed_by):
    noticed, done = set(), threading.Event()

    def lost(rank):
        noticed.add(rank)
        if noticed == noticed_by:
            done.set()

    with contextlib.ExitStack() as rest:
        started = time.monotonic()
        for rank, own in enumerate(connections(store, 3)):
            if rank != silent:
                rest.enter_context(heartbeat(own, rank, 3, lambda rank=rank: lost(rank), SILENCE))
        assert done.wait(20 * SILENCE)
        assert time.monotonic() - started > SILENCE
        assert noticed == noticed_by


def test_a_store_that_is_gone_is_noticed():
    class Gone:
        def add(self, key, amount):
            raise RuntimeError("connection reset")

    done = threading.Event()
    with heartbeat(Gone(), 1, 2, done.set, 0.3):
        assert done.wait(30)
