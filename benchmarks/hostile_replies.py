"""A real server on 127.0.0.1 that answers well, but for one text, which gets one of many hostile replies.

Both protocols of HTTP teachers are served: POST /v2/models/m/infer, and POST /v1/chat/completions. The tests and
`reliability_http` use the same list.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

VICTIM = "text 4"  # the text that gets the hostile reply
Send = Callable[[socket.socket], None]


def packet(body: bytes, *headers: str, status: str = "200 OK", length: int | str | None = None) -> bytes:
    """Return a whole reply."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    if length != "none":
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def gzipped(body: bytes) -> bytes:
    state = zlib.compressobj(9, zlib.DEFLATED, 31)
    return state.compress(body) + state.flush()


def bomb(megabytes: int) -> bytes:
    """Return a thousandth of so many megabytes: gzip of "[],[],[]," and so on."""
    state = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = state.compress(b"[") + state.flush(zlib.Z_FULL_FLUSH)
    block = state.compress(b"[]," * 349_525) + state.flush(
        zlib.Z_FULL_FLUSH
    )  # stands alone, so that it may be repeated
    return start + block * megabytes


def outputs(data: str, shape: str = "[1, 2]", name: str = '"p"') -> bytes:
    """Return a reply of the Open Inference Protocol whose parts are written as they are given."""
    text = f'{{"outputs": [{{"name": {name}, "datatype": "FP32", "shape": {shape}, "data": {data}}}]}}'
    return packet(text.encode("utf-8", "surrogatepass"))


def choice(text: str) -> bytes:
    """Return a chat reply whose one choice is written as it is given."""
    return packet(f'{{"choices": [{text}]}}'.encode())


def logprobs(text: str) -> bytes:
    return choice(f'{{"message": {{"content": "good"}}, "logprobs": {text}}}')


def top(value: str) -> bytes:
    return logprobs(f'{{"content": [{{"token": "good", "top_logprobs": [{{"token": "good", "logprob": {value}}}]}}]}}')


def drip(start: bytes, piece: bytes, seconds: float = 0.02) -> Send:
    """Send a byte now and then, for ever."""

    def send(to: socket.socket) -> None:
        to.sendall(start)
        while True:
            to.sendall(piece)
            time.sleep(seconds)

    return send


def flood(start: bytes, block: bytes) -> Send:
    """Send as fast as the other side reads, for ever."""

    def send(to: socket.socket) -> None:
        to.sendall(start)
        while True:
            to.sendall(block)

    return send


def reset(to: socket.socket) -> None:
    to.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(to: socket.socket) -> None:
    to.recv(1)


_DEEP = 100_000
_LONG = "9" * 400
_GOOD = b'{"outputs": [{"name": "p", "datatype": "FP32", "shape": [1, 2], "data": [0.6, 0.4]}]}'
_STREAM = "Transfer-Encoding: chunked"

V2: dict[str, bytes | Send] = {
    "lists inside lists": packet(b"[" * _DEEP + b"]" * _DEEP),
    "objects inside objects": packet(b'{"a":' * _DEEP + b"1" + b"}" * _DEEP),
    "data of nested lists": outputs("[" * 500 + "]" * 500),
    "infinity": outputs("[Infinity, 0]"),
    "minus infinity": outputs("[-Infinity, 1]"),
    "infinity as shape": outputs("[0.5, 0.5]", "[Infinity, 2]"),
    "NaN in part": outputs("[NaN, 1]"),
    "an integer of 400 digits": outputs(f"[{_LONG}, 1]"),
    "an integer of 5,000 digits": outputs(f"[{'9' * 5000}, 1]"),
    "1e400": outputs("[1e400, 1]"),
    "numbers near the largest": outputs("[1.7e308, 1.7e308]"),
    "outputs: 5": packet(b'{"outputs": 5}'),
    "outputs: true": packet(b'{"outputs": true}'),
    "outputs: text": packet(b'{"outputs": "p"}'),
    "outputs: an object": packet(b'{"outputs": {"name": "p"}}'),
    "outputs: numbers and null": packet(b'{"outputs": [5, null]}'),
    "a shape of text": outputs("[0.5, 0.5]", '"1, 2"'),
    "a shape of 400 digits": outputs("[0.5, 0.5]", f"[{_LONG}, 2]"),
    "a shape of nothing": outputs("[0.5, 0.5]", "null"),
    "a shape of ten to the thirty": outputs("[0.5, 0.5]", "[1e30, 0]"),
    "data: an object": outputs('{"a": 1}'),
    "data: text": outputs('"0.5"'),
    "data: ragged lists": outputs("[[0.5], [0.5, 1]]"),
    "data: lists of objects": outputs("[{}, {}]"),
    "a name that is a list": outputs("[0.5, true, 3]", name="[[], {}]"),
    "a name of half a character": outputs("[0.5, 0.5, 3]", name='"\\ud800"'),
    "null": packet(b"null"),
    "a number": packet(b"7"),
    "no body": packet(b""),
    "bytes that are no text": packet(b"\xff\xfe\x00{" * 40),
    "an unknown charset": packet(b"{}", "Content-Type: text/html; charset=klingon", status="404 Not Found"),
    "a charset that is no charset": packet(b"{}", "Content-Type: text/html; charset=base64", status="400 Bad"),
    "a charset that unpacks": packet(gzipped(b"{}"), "Content-Type: text/html; charset=zlib", status="404 Not Found"),
    "no gzip though it says so": packet(_GOOD, "Content-Encoding: gzip"),
    "half a gzip": packet(gzipped(_GOOD)[:-20], "Content-Encoding: gzip"),
    "gzip of gzip": packet(gzipped(gzipped(_GOOD)), "Content-Encoding: gzip, gzip"),
    "an unknown encoding": packet(_GOOD, "Content-Encoding: x-none"),
    "3 MB that unpack to 3 GB": packet(bomb(3000), "Content-Encoding: gzip"),
    "a body without end": flood(packet(b"[", length="none"), b"[]," * 20_000),
    "chunks without end": flood(packet(b"", _STREAM, length="none"), b"ea60\r\n" + b"[]," * 20_000 + b"\r\n"),
    "a body that drips": drip(packet(b"{", length=10_000), b" "),
    "chunks that drip": drip(packet(b"", _STREAM, length="none") + b"5;", b"x"),
    "headers that drip": drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "headers without end": flood(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 4000 + b"\r\n"),
    "100 Continue without end": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "silence": silent,
    "closed at once": lambda to: None,
    "reset": reset,
    "another protocol": lambda to: to.sendall(b"220 mail.example.com ESMTP ready\r\n"),
    "a body shorter than it says": lambda to: to.sendall(packet(_GOOD, length=5000)),
    "a length below nothing": packet(_GOOD, length=-5),
    "a length of 400 digits": packet(_GOOD, length=_LONG),
    "two lengths": packet(_GOOD, "Content-Length: 3"),
    "a chunk whose size is no number": packet(b"zz\r\n", _STREAM, length="none"),
    "a redirect to a file": packet(b"", "Location: file:///etc/passwd", status="302 Found"),
    "a redirect to itself": packet(b"", "Location: /v2/models/m/infer", status="307 Temporary Redirect"),
    "a redirect elsewhere": packet(b"", "Location: http://169.254.169.254/latest/", status="308 Permanent Redirect"),
    "status 999": packet(b"{}", status="999 Odd"),
    "status 204": packet(b"", status="204 No Content"),
    "retry after nothing known": packet(b"{}", "Retry-After: nan", status="503 Busy"),
    "retry after a time before": packet(b"{}", "Retry-After: -1e400", status="429 Slow"),
    "escape sequences": packet(b"\x1b[2J\x1b]0;x\x07\x00 no\r\n", status="400 Bad"),
}  # fmt: skip

CHAT: dict[str, bytes | Send] = {
    "choices: 5": packet(b'{"choices": 5}'),
    "choices: an object": packet(b'{"choices": {"0": 1}}'),
    "choices: none": packet(b'{"choices": []}'),
    "a choice of text": choice('"good"'),
    "a message of text": choice('{"message": "good"}'),
    "a message of numbers": choice('{"message": [1, 2]}'),
    "content: a number": choice('{"message": {"content": 7}}'),
    "content: an object": choice('{"message": {"content": {"text": "good"}}}'),
    "content: parts": choice('{"message": {"content": [{"type": "text", "text": "good"}, 5, null]}}'),
    "content of half a character": choice('{"message": {"content": "\\ud800 good"}}'),
    "logprobs: 5": logprobs("5"),
    "logprobs: text": logprobs('"x"'),
    "logprobs: numbers": logprobs('{"content": [5, null, {"token": 5}]}'),
    "top_logprobs: 5": logprobs('{"content": [{"token": "good", "top_logprobs": 5}]}'),
    "top_logprobs: numbers": logprobs('{"content": [{"token": "good", "top_logprobs": [5, null]}]}'),
    "a log-probability of 400 digits": top("-" + _LONG),
    "a log-probability that is NaN": top("NaN"),
    "a log-probability of text": top('"-1"'),
    "an error with status 200": packet(b'{"error": {"message": "no"}}'),
}


@contextlib.contextmanager
def hostile(reply: bytes | Send) -> Iterator[tuple[str, list[bytes]]]:
    """Serve good answers, and this reply to `VICTIM`; yields the address and the bodies of the requests."""
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve(to: socket.socket) -> None:
        with contextlib.suppress(OSError), to:
            to.settimeout(60)
            while (found := _request(to)) is not None:
                path, body = found
                seen.append(body)
                if f'{VICTIM}"'.encode() not in body and f"{VICTIM}\\n".encode() not in body:
                    to.sendall(packet(json.dumps(_good(path, json.loads(body))).encode()))
                elif isinstance(reply, bytes):
                    to.sendall(reply)
                else:
                    reply(to)
                    return

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        listener.close()


def _good(path: str, body: dict[str, Any]) -> dict[str, Any]:
    if path.startswith("/v1/"):
        return {"choices": [{"message": {"content": "good"}}]}
    count = len(body["inputs"][0]["data"])
    return {"outputs": [{"name": "p", "datatype": "FP32", "shape": [count, 2], "data": [0.25, 0.75] * count}]}


def _request(to: socket.socket) -> tuple[str, bytes] | None:
    """Return path and body of the next request, None at the end."""
    content = b""
    while b"\r\n\r\n" not in content:
        part = to.recv(65536)
        if not part:
            return None
        content += part
    head, _, body = content.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += to.recv(65536)
    return head.split(b" ")[1].decode("ascii"), body
