"""An OpenAI-compatible chat endpoint, asked for the class of one text at a time.

Where the server gives log-probabilities, the first token's alternatives spread the answer over the classes (as in
Hendrycks et al. 2021, MMLU); where it does not, the named class gets ``options.confidence``. A reply that names no
class, or several, is an abstention; when most of the first replies are such, the teacher is refused.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.teachers.base import AnswerError, Answers, Place
from limbeck.teachers.columns import texts
from limbeck.teachers.http.client import Client, RefusedError
from limbeck.teachers.http.parallel import ask_all
from limbeck.teachers.label_map import LabelMap

PROMPT = (
    "Classify the text. Answer with exactly one of these words and nothing else: {classes}.\n\nText:\n{text}\n\nAnswer:"
)
_KNOWN: dict[str, Any] = {
    "api": "openai", "model": "", "prompt": PROMPT, "system": "", "classes": [], "confidence": 0.9, "logprobs": True,
    "max_tokens": 16, "max_characters": 8000, "version": "", "key_env": "", "parallel": 4, "backoff": 0.5,
}  # fmt: skip
_NOT_ANSWERS = {"key_env", "parallel", "backoff"}
_FIRST, _FEW = 20, 4
_TOP = 20
_LOWEST = 1000.0  # log-probabilities below are none
_TRUSTED_MASS = 0.5  # of the first token's, on tokens that begin exactly one class


class Chat:
    """A large language model as a teacher."""

    block = _FIRST  # the first block shows whether the model answers with classes, before more is paid

    def __init__(self, place: Place) -> None:
        options = place.options(_KNOWN)
        self.name, self.classes, self.options = place.spec.name, place.classes, options
        if not options["model"]:
            raise place.wrong("options.model is missing", "say which model the endpoint is to use")
        if "{text}" not in options["prompt"]:
            raise place.wrong("options.prompt does not hold {text}", "put it where the text is to stand")
        if not 0 < options["confidence"] <= 1:
            raise place.wrong(f"options.confidence is {options['confidence']}", "give one above 0 and up to 1")
        self.columns = place.columns(place.task.input)
        if len(self.columns) != 1:
            raise place.wrong(f"it reads one column of text, not {list(self.columns)}", "name one in its input")
        self.labels = LabelMap(options["classes"] or place.classes, place)
        base = place.place.rstrip("/")
        self.url = base if base.endswith("/chat/completions") else f"{base}/chat/completions"
        self.client = Client(place, key_env=options["key_env"], backoff=options["backoff"])
        kept = {key: value for key, value in options.items() if key not in _NOT_ANSWERS}
        self.fingerprint = place.fingerprint(self.url, self.columns, options=kept)
        self._logprobs = bool(options["logprobs"])
        self._lock, self.asked, self.prose = threading.Lock(), 0, 0

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; an empty cell is not sent, and is an abstention."""
        given, there = texts(rows, self.columns[0], self.name)
        prose: dict[int, str] = {}

        def ask(part: NDArray[np.int64]) -> NDArray[np.float64]:
            said = self._ask(given[int(part[0])])
            if isinstance(said, str):
                prose[int(part[0])] = said
                return np.full((1, len(self.labels.theirs)), np.nan)
            return said[None, :]

        parts = list(np.flatnonzero(there)[:, None])
        parallel = self.options["parallel"]
        answers = ask_all(parts, ask, self.labels, rows=rows.height, parallel=parallel, name=self.name)
        self.asked, self.prose = self.asked + len(parts), self.prose + len(prose)
        if prose and _FEW <= self.asked <= _FIRST and self.prose > self.asked / 2:
            done = np.ones(rows.height, dtype=bool)
            done[list(prose)] = False
            first = min(prose)
            what = f"{self.prose} of the first {self.asked} replies name no single class, e.g. {prose[first][:60]!r}"
            fix = f"ask for one of {', '.join(self.labels.theirs)} in options.prompt"
            raise AnswerError(what, teacher=self.name, row=first, fix=fix, answers=answers, done=done)
        return answers

    def _ask(self, text: str) -> NDArray[np.float64] | str:
        """Return probabilities over its classes, or the reply where it names none of them alone."""
        options = self.options
        # Split first: a text that holds "{classes}" or "{text}" stays what it is.
        pieces = [
            piece.replace("{classes}", ", ".join(self.labels.theirs)) for piece in options["prompt"].split("{text}")
        ]
        messages = [{"role": "user", "content": text[: options["max_characters"]].join(pieces)}]
        if options["system"]:
            messages.insert(0, {"role": "system", "content": options["system"]})
        body = {"model": options["model"], "messages": messages, "temperature": 0, "max_tokens": options["max_tokens"]}
        choice = self._choice(body)
        reply = _content(_field(choice, "message"))
        named = named_class(reply, self.labels.theirs)
        if named is None:
            return reply or "(nothing)"
        tokens = _field(_field(choice, "logprobs"), "content") if self._logprobs else None
        spread = spread_by_tokens(tokens, self.labels.theirs) if isinstance(tokens, list) else None
        if spread is not None and int(spread.argmax()) == named:
            return spread
        count = len(self.labels.theirs)
        answer = np.full(count, (1 - options["confidence"]) / max(1, count - 1))
        answer[named] = options["confidence"] if count > 1 else 1.0
        return answer

    def _choice(self, body: dict[str, Any]) -> dict[str, Any]:
        more = {"logprobs": True, "top_logprobs": _TOP} if self._logprobs else {}
        try:
            reply = self.client.post(self.url, {**body, **more})
        except RefusedError as error:
            if not more or "logprob" not in error.body:
                raise
            with self._lock:
                self._logprobs = False  # this server knows none
            reply = self.client.post(self.url, body)
        choices = _field(reply, "choices")
        if not isinstance(choices, list) or not choices:
            what = "the answer holds no choices"
            raise LimbeckError(what, where=self.client.where, fix="is it an OpenAI-compatible endpoint?")
        return choices[0] if isinstance(choices[0], dict) else {}


def _field(value: Any, name: str) -> Any:
    """Return a field of a JSON object, None where it has none or is no object."""
    return value.get(name) if isinstance(value, dict) else None


def _content(message: Any) -> str:
    """Return the text of a message: a string, or the texts of its parts."""
    content = _field(message, "content")
    parts = [_field(part, "text") for part in content] if isinstance(content, list) else [content]
    return "".join(part for part in parts if isinstance(part, str))


def named_class(reply: str, classes: Sequence[str]) -> int | None:
    """Return the index of the one class that a reply names, or None; a name inside a longer one does not count."""
    rest, found = reply.casefold(), set()
    for index in sorted(range(len(classes)), key=lambda index: -len(classes[index])):
        name = re.escape(classes[index].casefold())
        rest, count = re.subn(rf"(?<![a-z0-9_]){name}(?![a-z0-9_])" if classes[index].isascii() else name, "\0", rest)
        if count:
            found.add(index)
    return found.pop() if len(found) == 1 else None


def spread_by_tokens(tokens: Sequence[Any], classes: Sequence[str]) -> NDArray[np.float64] | None:
    """Return probabilities by the alternatives of the first token that says something, or None if they do not tell."""
    names = [name.casefold() for name in classes]
    for token in tokens:
        if not isinstance(token, dict) or not _bare(token.get("token")):
            continue
        mass = np.zeros(len(classes))
        others = token.get("top_logprobs")
        for other in others if isinstance(others, list) else []:
            start = _bare(_field(other, "token"))
            fits = [index for index, name in enumerate(names) if start and name.startswith(start)]
            value = _field(other, "logprob")
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if len(fits) == 1 and number and -_LOWEST < value <= 0:
                mass[fits[0]] += math.exp(value)
        total = float(mass.sum())
        return mass / total if total >= _TRUSTED_MASS else None
    return None


def _bare(token: Any) -> str:
    return token.strip(" \t\r\n\"'`*.:：“”「」").casefold() if isinstance(token, str) else ""
