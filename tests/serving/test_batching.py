"""The micro-batcher, with a real bundle on a real event loop."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.serving.batching import Batcher
from limbeck.serving.http import Refusal
from limbeck.serving.loaded import Loaded
from limbeck.serving.pace import Pace
from limbeck.serving.settings import Settings
from limbeck.serving.waiting import Outcome
from old_bundles import bundle_of, rows_of

FAR = 60.0


def soon(seconds: float = FAR) -> float:
    return time.perf_counter() + seconds


class Counting:
    """Answers each text with its length, and notes what came together and in which thread."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.batches, self.threads = seconds, [], set()
        self.batcher = Batcher(self.run, lambda texts: len(texts), window=100)
        self.batcher.pace.observe(1, seconds or 1e-6)
        self.batcher.pace.observe(2, 2 * (seconds or 1e-6))

    def run(self, texts):
        self.batches.append(list(texts))
        self.threads.add(threading.current_thread())
        end = time.perf_counter() + self.seconds * len(texts)
        while time.perf_counter() < end:
            pass
        if "bad" in texts:
            raise ValueError("bad")
        bad = {at: LimbeckError("the text is empty") for at, text in enumerate(texts) if not text}
        p = np.array([[len(text), 0.0] for text in texts], dtype=np.float32).reshape(-1, 2)
        return Outcome(p, np.zeros(len(texts), dtype=np.int64), p[:, 0], bad)


def test_requests_of_one_turn_are_answered_together_in_order():
    model = Counting()

    async def run():
        asked = [model.batcher.submit(["x" * n, "y"], soon()) for n in range(1, 8)]
        return await asyncio.gather(*asked)

    answers = asyncio.run(run())
    assert len(model.batches) == 1 and model.threads == {threading.main_thread()}
    assert [answer.probabilities[:, 0].tolist() for answer in answers] == [[n, 1] for n in range(1, 8)]


def test_one_request_does_not_wait_for_others():
    model = Counting()

    async def run():
        start = time.perf_counter()
        await model.batcher.submit(["x"], soon())
        return time.perf_counter() - start

    assert asyncio.run(run()) < 0.05 and len(model.batches) == 1


def test_errors_of_rows_stay_with_their_request():
    model = Counting()

    async def run():
        return await asyncio.gather(*[model.batcher.submit(rows, soon()) for rows in (["a"], ["b", ""], ["", "c"])])

    assert [sorted(answer.errors) for answer in asyncio.run(run())] == [[], [1], [0]]


def test_a_slow_model_has_a_thread_of_its_own_and_a_large_request_lets_small_ones_through():
    model = Counting(seconds=0.01)

    async def run():
        large = model.batcher.submit(["x"] * 60, soon())
        ticks = 0
        small = None
        while not large.done():
            await asyncio.sleep(0.005)
            ticks += 1
            if ticks == 5:
                small = model.batcher.submit(["yy"], soon())
                small.add_done_callback(lambda _: order.append("small"))
        order.append("large")
        return ticks, await small, await large

    order: list[str] = []
    ticks, small, large = asyncio.run(run())
    assert ticks > 20 and threading.main_thread() not in model.threads  # the loop stayed free
    assert order == ["small", "large"]
    assert small.probabilities[0, 0] == 2 and large.probabilities[:, 0].tolist() == [1] * 60


def test_a_deadline_is_looked_at_before_inference():
    model = Counting(seconds=0.02)

    async def run():
        first = model.batcher.submit(["a"] * 3, soon())
        late = model.batcher.submit(["late"], soon(-0.001))
        with pytest.raises(Refusal) as refused:
            await late
        await first
        return refused.value.status

    assert asyncio.run(run()) == 504
    assert all("late" not in batch for batch in model.batches)


def test_a_request_whose_client_has_gone_is_not_answered():
    model = Counting(seconds=0.02)

    async def run():
        async def gone():
            await asyncio.sleep(0.01)

        first = model.batcher.submit(["a"] * 5, soon())
        second = model.batcher.submit(["b"] * 100, soon(), gone)
        with pytest.raises(asyncio.CancelledError):
            await second
        await first

    asyncio.run(run())
    assert sum(batch.count("b") for batch in model.batches) < 100


def test_more_work_than_may_wait_is_refused_with_a_time_to_come_back():
    model = Counting(seconds=0.02)

    async def run():
        asked = [model.batcher.submit(["a"], soon()) for _ in range(100)]
        with pytest.raises(Refusal) as refused:
            asked += [model.batcher.submit(["a"], soon()) for _ in range(200)]
        for future in asked[1:]:
            future.cancel()
        await asked[0]
        return refused.value

    refused = asyncio.run(run())
    assert refused.status == 429 and int(dict(refused.headers)["retry-after"]) >= 1


def test_a_batch_that_fails_fails_its_requests_and_the_next_is_answered():
    model = Counting()

    async def run():
        with pytest.raises(ValueError, match="bad"):
            await model.batcher.submit(["bad"], soon())
        return await model.batcher.submit(["good"], soon())

    assert isinstance(asyncio.run(run()), Outcome)


def test_the_pace_learns_a_fixed_part_and_a_part_for_each():
    pace = Pace()
    for cost in (1, 10, 100, 5, 50):
        pace.observe(cost, 0.001 + 0.0002 * cost)
    assert pace.fixed == pytest.approx(0.001, rel=0.01) and pace.each == pytest.approx(0.0002, rel=0.01)


@pytest.mark.parametrize("kind", ["text-ngram", "text-gru", "image", "table"])
def test_rows_of_many_requests_are_answered_as_alone(kind):
    rows = rows_of(kind)
    loaded = Loaded(str(bundle_of(kind)), Settings({}))
    values = loaded.classifier.checked(rows)
    wanted = loaded.classifier.predict_proba(rows, unreadable="nan")

    async def run():
        parts = [values[at : at + 3] for at in range(0, len(values), 3)]
        return await asyncio.gather(*[loaded.answer(part, soon()) for part in parts])

    found = np.concatenate([answer.probabilities for answer in asyncio.run(run())])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    assert np.array_equal(loaded.classifier.decide(found), loaded.classifier.decide(wanted))
