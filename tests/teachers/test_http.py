"""Endpoints: both protocols against real local servers that fail in every way they can."""

from __future__ import annotations

import math
import threading
import time
from functools import partial

import numpy as np
import polars as pl
import pytest
from benchmarks.hostile_replies import CHAT, V2, hostile

from limbeck.errors import LimbeckError
from limbeck.teachers import AnswerError, answers
from limbeck.teachers.http.chat import named_class, spread_by_tokens

from .make import opened, serve

ROWS = pl.DataFrame({"text": [f"text {n}" for n in range(10)], "a": [float(n) for n in range(10)]})


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def infer(path, body):
    """Good with probability n / 10 for "text n"."""
    if body is None:
        return 200, {"name": "m", "inputs": [{"name": "TEXT", "datatype": "BYTES", "shape": [-1]}]}
    tensor = body["inputs"][0]
    good = [float(str(text)[-1]) / 10 if tensor["datatype"] == "BYTES" else text / 10 for text in tensor["data"]]
    data = [part for p in good for part in (1 - p, p)]
    return 200, {"outputs": [{"name": "p", "datatype": "FP32", "shape": [len(good), 2], "data": data}]}


def v2(address, **more):
    options = {"backoff": 0.01, **more.pop("options", {})}
    return opened(f"http:{address}/v2/models/m", options=options, batch_size=more.pop("batch_size", 3), **more)


# The Open Inference Protocol


def test_open_inference_of_texts_and_of_numbers():
    expected = np.arange(10) / 10
    with serve(infer) as (address, seen):
        rows = ROWS.vstack(pl.DataFrame({"text": [None], "a": [None]}, schema=ROWS.schema))
        got = v2(address).answer(rows)
        np.testing.assert_allclose(got[:10, 1], expected, rtol=1e-6)
        assert np.isnan(got[10]).all()
        assert sorted(len(body["inputs"][0]["data"]) for _, body in seen) == [1, 3, 3, 3]
        assert {body["inputs"][0]["name"] for _, body in seen} == {"TEXT"}
        numbers = opened(f"http:{address}", input=["a"], options={"model": "m"})
        np.testing.assert_allclose(numbers.answer(rows)[:10, 1], expected, rtol=1e-6)
        assert seen[-1][1]["inputs"][0]["shape"] == [10, 1]
        bare = opened(f"{address}/v2/models/m/infer", classes=("good", "bad"), options={"classes": ["bad", "good"]})
        np.testing.assert_allclose(bare.answer(ROWS)[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_recovers_is_asked_again(status):
    calls = []

    def flaky(path, body):
        calls.append(path)
        return (status, {}) if len(calls) in (1, 3) else infer(path, body)

    with serve(flaky, Retry_After="0.01") as (address, _):
        got = v2(address, options={"tensor": "x", "parallel": 1}).answer(ROWS)
    np.testing.assert_allclose(got[:, 1], np.arange(10) / 10, rtol=1e-6)
    assert len(calls) == 6


def test_a_server_that_stays_broken_costs_no_finished_answer(tmp_path):
    """Half the rows are answered, then the server is down; the second run asks for the other half only."""
    left = [2]
    lock = threading.Lock()

    def dying(path, body):
        with lock:
            left[0] -= 1
            return infer(path, body) if left[0] >= 0 else (503, {})

    with serve(dying) as (address, seen):
        teacher = v2(address, batch_size=2, retries=1, options={"tensor": "x", "parallel": 1})
        words = r"teacher 't', row 5: HTTP 503 from .* \(2 tries\); .*4 of 10 answers are kept, run again"
        with pytest.raises(AnswerError, match=words) as error:
            answers([teacher], ROWS, folder=tmp_path, quiet=True)
        assert "\n" not in str(error.value)
        left[0], before = 100, len(seen)
        got = answers([teacher], ROWS, folder=tmp_path, quiet=True)[0]
        assert sum(len(body["inputs"][0]["data"]) for _, body in seen[before:]) == 6
    np.testing.assert_allclose(got[:, 1], np.arange(10) / 10, atol=1e-3)


def test_a_timeout_is_one_line():
    def slow(path, body):
        time.sleep(0.5)
        return infer(path, body)

    with serve(slow) as (address, seen):
        teacher = v2(address, timeout=0.1, retries=1, options={"tensor": "x", "parallel": 1})
        with pytest.raises(LimbeckError, match=r"row 1: no complete answer within 0.1 s \(2 tries\); see whether"):
            teacher.answer(ROWS)
        assert len(seen) <= 2


def test_a_server_that_is_not_there():
    with pytest.raises(LimbeckError, match="no connection"):
        v2("http://127.0.0.1:9", retries=0, options={"tensor": "x"}).answer(ROWS)
    with pytest.raises(LimbeckError, match="is no address"):
        opened("http:localhost:80/v2/models/m")
    with pytest.raises(LimbeckError, match="names no model"):
        opened("http://localhost:80")
    with pytest.raises(LimbeckError, match="no api 'v3'; did you mean 'v2'"):
        opened("http://localhost:80", options={"api": "v3"})


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((200, {"outputs": [{"name": "p", "shape": [1, 2], "data": [0.5, 0.5]}]}), "answered 1 of 3 rows"),
        ((200, {"outputs": [{"name": "p", "shape": [3, 2], "data": [0.5, 0.5]}]}), "no array of numbers of its shape"),
        ((200, {"outputs": [{"name": "p", "shape": [3, 3], "data": [1, 0, 0] * 3}]}), "shape .* for 2 classes"),
        (
            (200, {"outputs": [{"name": "p", "shape": [3, 2], "data": [2, -1] * 3}]}),
            "row 1: its answer holds a negative",
        ),
        ((200, {"outputs": [{"name": "p", "shape": [3, 2], "data": [2, 1] * 3}]}), "does not sum to one: .*logits"),
        ((200, {"error": "x"}), "holds no output"),
        ((200, [1]), "holds no output"),
        ((200, "<html>Hello</html>"), "which is not JSON"),
        ((404, {"error": "no model"}), "HTTP 404 .*no model.*; check the address"),
        ((302, ""), "HTTP 302"),
    ],
)
def test_answers_that_are_none(reply, words):
    with serve(lambda path, body: reply) as (address, _):
        with pytest.raises(AnswerError, match=words) as error:
            v2(address, options={"tensor": "x"}).answer(ROWS[:3])
        assert "\n" not in str(error.value)


def test_null_is_an_abstention():
    reply = {"outputs": [{"name": "p", "shape": [2, 2], "data": [None, None, 0.25, 0.75]}]}
    with serve(lambda path, body: (200, reply)) as (address, _):
        got = v2(address, options={"tensor": "x"}).answer(ROWS[:2])
    np.testing.assert_allclose(got, [[np.nan] * 2, [0.25, 0.75]])


def test_the_budget_holds_and_what_was_bought_is_kept(tmp_path):
    with serve(infer) as (address, seen):
        teacher = v2(address, budget=2, options={"tensor": "x", "parallel": 1})
        with pytest.raises(AnswerError, match=r"row 7: the budget of 2 requests is spent; .*6 of 10 answers are kept"):
            answers([teacher], ROWS, folder=tmp_path, quiet=True)
        assert len(seen) == 2
        again = v2(address, budget=2, options={"tensor": "x", "parallel": 1})
        assert again.fingerprint == teacher.fingerprint
        answers([again], ROWS, folder=tmp_path, quiet=True)


def test_one_bad_answer_keeps_the_others(tmp_path):
    def mixed(path, body):
        status, reply = infer(path, body)
        if "text 4" in body["inputs"][0]["data"]:
            reply["outputs"][0]["data"][2:4] = [7, 7]
        return status, reply

    words = "row 5: its answer does not sum to one.*9 of 10 answers are kept"
    with serve(mixed) as (address, _), pytest.raises(AnswerError, match=words):
        answers([v2(address, options={"tensor": "x"})], ROWS, folder=tmp_path, quiet=True)


# Chat


def said(text, tokens=None):
    choice = {"message": {"role": "assistant", "content": text}}
    if tokens:
        top = [{"token": token, "logprob": math.log(p)} for token, p in tokens]
        choice["logprobs"] = {"content": [{"token": tokens[0][0], "logprob": top[0]["logprob"], "top_logprobs": top}]}
    return 200, {"choices": [choice]}


def chat(address, **more):
    options = {"api": "openai", "model": "m", "backoff": 0.01, **more.pop("options", {})}
    return opened(f"http:{address}/v1", options=options, **more)


def test_a_chat_model_with_and_without_log_probabilities(monkeypatch):
    monkeypatch.setenv("THE_KEY", "s3cret")

    def reply(path, body):
        text = body["messages"][-1]["content"]
        assert path == "/v1/chat/completions" and body["model"] == "m" and body["temperature"] == 0
        if "text 1" in text:
            return said("Good", [("Good", 0.6), (" bad", 0.2), ("The", 0.1)])
        return said("Bad.") if "text 2" in text else said("It is neither good nor bad, I think.")

    with serve(reply) as (address, seen):
        teacher = chat(address, options={"key_env": "THE_KEY"})
        rows = pl.DataFrame({"text": ["text 1", "text 2", "text 3", None]})
        got = teacher.answer(rows)
        np.testing.assert_allclose(got, [[0.25, 0.75], [0.9, 0.1], [np.nan] * 2, [np.nan] * 2], rtol=1e-6)
        assert (teacher.asked, teacher.prose) == (3, 1) and len(seen) == 3
        assert {headers["Authorization"] for headers, _ in seen} == {"Bearer s3cret"}
    with pytest.raises(LimbeckError, match="the environment variable OTHER_KEY holds no key"):
        chat("http://127.0.0.1:9", options={"key_env": "OTHER_KEY"})


def test_a_text_cannot_fill_in_the_prompt():
    with serve(lambda path, body: said("good")) as (address, seen):
        teacher = chat(address, options={"prompt": "{classes}? {text} {x}"})
        teacher.answer(pl.DataFrame({"text": ["{classes} {text}"]}))
    assert seen[0][1]["messages"][0]["content"] == "bad, good? {classes} {text} {x}"


def test_a_server_without_log_probabilities_is_asked_without():
    def reply(path, body):
        return (400, {"error": "logprobs are not supported"}) if "logprobs" in body else said("good")

    with serve(reply) as (address, seen):
        got = chat(address, options={"parallel": 1}).answer(ROWS[:3])
    np.testing.assert_allclose(got, [[0.1, 0.9]] * 3, rtol=1e-6)
    assert len(seen) == 4


def test_a_model_that_answers_in_prose_is_refused_early(tmp_path):
    rows = pl.DataFrame({"text": [f"text {n}" for n in range(200)]})

    def reply(path, body):
        number = int(body["messages"][0]["content"].split("text ")[1].split("\n")[0])
        return said("good" if number % 3 == 0 else "As a language model, I like it.")

    with serve(reply) as (address, seen):
        words = "row 2: 13 of the first 20 replies name no single class, e.g. 'As a language.*7 of 200 answers are kept"
        with pytest.raises(AnswerError, match=words):
            answers([chat(address)], rows, folder=tmp_path, quiet=True)
        assert len(seen) == 20


def test_one_lost_reply_of_many_is_named_and_the_others_are_kept(tmp_path):
    broken = [True]

    def reply(path, body):
        return (500, {}) if broken[0] and "text 7\n" in body["messages"][0]["content"] else said("bad")

    with serve(reply) as (address, seen):
        teacher = chat(address, retries=1, options={"parallel": 1})
        with pytest.raises(AnswerError, match=r"row 8: HTTP 500 .*7 of 10 answers are kept"):
            answers([teacher], ROWS, folder=tmp_path, quiet=True)
        broken[0], before = False, len(seen)
        answers([teacher], ROWS, folder=tmp_path, quiet=True)
        assert len(seen) - before == 3


def test_a_key_never_reaches_an_error(monkeypatch):
    monkeypatch.setenv("THE_KEY", "s3cret")
    words = r"HTTP 401 .*options.key_env"
    with serve(lambda path, body: (401, {"error": "wrong key"})) as (address, _):
        teacher = chat(address, options={"key_env": "THE_KEY"})
        with pytest.raises(LimbeckError, match=words) as error:
            teacher.answer(ROWS)
    assert "s3cret" not in str(error.value)


def test_what_a_chat_teacher_must_be_told():
    for options, words in [
        ({"model": ""}, "options.model is missing"),
        ({"prompt": "which of {classes}?"}, "does not hold {text}"),
        ({"confidence": 2.0}, "options.confidence is 2.0"),
        ({"modle": "x"}, "unknown option 'modle'; did you mean 'model'"),
    ]:
        with pytest.raises(LimbeckError, match=words):
            chat("http://127.0.0.1:9", options=options)


def test_fingerprints_follow_what_an_answer_depends_on():
    plain = chat("http://a").fingerprint
    assert chat("http://a", options={"parallel": 9}, timeout=1, retries=9, budget=5).fingerprint == plain
    for change in ({"model": "n"}, {"prompt": "{text}?"}, {"version": "2026-11"}, {"confidence": 0.8}):
        assert chat("http://a", options=change).fingerprint != plain
    assert chat("http://b").fingerprint != plain
    assert v2("http://a").fingerprint != v2("http://a", input="a").fingerprint


@pytest.mark.parametrize(
    ("reply", "classes", "index"),
    [
        ("Positive", ("negative", "positive"), 1),
        ('"positive".', ("negative", "positive"), 1),
        ("abnormal", ("normal", "abnormal"), 1),
        ("The answer is: normal", ("normal", "abnormal"), 0),
        ("答案是good。", ("bad", "good"), 1),
        ("这是谣言", ("谣言", "真实"), 0),
        ("goodness", ("bad", "good"), None),
        ("good or bad", ("bad", "good"), None),
        ("good, very good", ("bad", "good"), 1),
        ("", ("bad", "good"), None),
    ],
)
def test_the_class_that_a_reply_names(reply, classes, index):
    assert named_class(reply, classes) == index


def test_tokens_that_do_not_tell_classes_apart_are_not_used():
    def tokens(*pairs):
        return [{"token": pairs[0][0], "top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in pairs]}]

    names = ("negative", "neutral", "positive")
    assert spread_by_tokens(tokens(("ne", 0.9), ("pos", 0.1)), names) is None
    np.testing.assert_allclose(spread_by_tokens(tokens(("pos", 0.6), ("neg", 0.3)), names), [1 / 3, 0, 2 / 3])
    np.testing.assert_allclose(spread_by_tokens([{"token": " "}, *tokens(("pos", 0.9))], names), [0, 0, 1])
    assert spread_by_tokens([{"token": "x", "top_logprobs": None}, 3], names) is None
    assert spread_by_tokens([{"token": "p", "top_logprobs": [{"token": "p", "logprob": "a"}, None]}], names) is None


# Replies that nobody expects


def survives(kind, reply, ask, tmp_path):
    """Ask about eight texts, of which the fifth gets the reply: answers before it are kept, and none is asked twice."""
    with hostile(reply) as (address, seen):
        began = time.monotonic()
        try:
            answers([ask(address)], ROWS[:8], folder=tmp_path, quiet=True)
        except LimbeckError as error:
            line = str(error)
            assert "\n" not in line and line.isprintable() and len(line) < 1200, (kind, line)
            assert "row 5" in line and f"{len(seen) - 1} of 8 answers are kept" in line, (kind, line)
            assert len(seen) in (5, 6), kind  # the block of two
        else:
            assert len(seen) == 8, kind
        assert time.monotonic() - began < 10, kind


@pytest.mark.parametrize("kind", V2)
def test_a_hostile_reply_is_one_line_and_costs_no_other_answer(kind, tmp_path):
    options = {"tensor": "x", "parallel": 1}
    endless = any(word in kind for word in ("drip", "silence", "100 Continue"))
    ask = partial(v2, batch_size=1, timeout=1 if endless else 30, retries=0, options=options)
    survives(kind, V2[kind], ask, tmp_path)


@pytest.mark.parametrize("kind", CHAT)
def test_a_hostile_reply_of_a_chat_costs_no_other_answer(kind, tmp_path):
    survives(kind, CHAT[kind], partial(chat, retries=0, options={"parallel": 1}), tmp_path)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("3 MB that unpack to 3 GB", r"larger than 1\.0 MB; ask for fewer rows at once"),
        ("a body without end", r"larger than 1\.0 MB"),
        ("gzip of gzip", "packed as 'gzip, gzip', which nobody asked for"),
        ("no gzip though it says so", "says that it is packed as gzip, and is not"),
        ("a body that drips", r"no complete answer within 0\.5 s; see whether the server is up"),
        ("a redirect elsewhere", "sends on to http://169.254.169.254/latest/; redirects are not followed"),
        ("lists inside lists", "which is not JSON that can be read"),
        ("an integer of 400 digits", "the output 'p' is no array of numbers of its shape"),
        ("escape sequences", "HTTP 400 from .*: �\\[2J�\\]0;x�� no;"),
    ],
)
def test_what_is_said_of_a_hostile_reply(kind, words):
    with hostile(V2[kind]) as (address, _):
        teacher = v2(address, timeout=0.5 if "drips" in kind else 30, retries=0, options={"tensor": "x"})
        with pytest.raises(AnswerError, match=words):
            teacher.answer(ROWS[4:5])


def test_a_dripping_reply_is_asked_again_and_ends(tmp_path):
    with hostile(V2["a body that drips"]) as (address, seen):
        teacher = v2(address, batch_size=1, timeout=1.5, retries=1, options={"tensor": "x"})
        with pytest.raises(
            AnswerError, match=r"no complete answer within 1\.5 s \(2 tries\); .*7 of 8 answers are kept"
        ):
            answers([teacher], ROWS[:8], folder=tmp_path, quiet=True)
        assert len(seen) >= 9


def test_a_key_that_a_server_repeats_and_a_password_in_an_address_reach_no_error(monkeypatch):
    monkeypatch.setenv("THE_KEY", "s3cret")
    with serve(lambda path, body: (401, {"error": "wrong key: s3cret"})) as (address, seen):
        with pytest.raises(LimbeckError, match="wrong key: …") as error:
            chat(address, options={"key_env": "THE_KEY"}).answer(ROWS)
        assert "s3cret" not in str(error.value)
        with pytest.raises(LimbeckError, match=r"HTTP 401 from http://…@127\.0\.0\.1") as error:
            chat(address.replace("http://", "http://me:pa55@")).answer(ROWS)
        assert "pa55" not in str(error.value)
        assert seen[-1][0]["Authorization"] == "Basic bWU6cGE1NQ=="


def test_a_proxy_of_the_environment_is_used(monkeypatch):
    """The proxy gets the whole address, and answers in the place of a server that does not exist."""
    asked = []

    def proxy(path, body):
        asked.append(path)
        return infer(path, body)

    with serve(proxy) as (address, _):
        monkeypatch.setenv("HTTP_PROXY", address)
        monkeypatch.setenv("http_proxy", address)
        got = v2("http://models.invalid", options={"tensor": "x"}).answer(ROWS)
    np.testing.assert_allclose(got[:, 1], np.arange(10) / 10, rtol=1e-6)
    assert set(asked) == {"http://models.invalid/v2/models/m/infer"}
