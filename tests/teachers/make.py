"""What the teachers' tests share: specs, a task, and local servers of both protocols."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.recipe import Task
from limbeck.recipe import Teacher as Spec
from limbeck.teachers import Teacher, open_teacher

CLASSES = ("bad", "good")
TASK = Task(kind="text", classes=list(CLASSES), positive="good")


def spec(source: str, name: str = "t", **more: Any) -> Spec:
    return Spec(name=name, source=source, **more)


def opened(
    source: str, *, classes: tuple[str, ...] = CLASSES, task: Task = TASK, folders: Any = (), **more: Any
) -> Teacher:
    return open_teacher(spec(source, **more), classes, task=task, folders=folders)


class Counting:
    """A teacher whose answers are a function of a number, and which counts what it is asked."""

    def __init__(self, column: str = "x", fingerprint: str = "f" * 32, block: int = 7, stop: int | None = None) -> None:
        self.name, self.fingerprint, self.classes, self.columns, self.block = (
            "count",
            fingerprint,
            CLASSES,
            (column,),
            block,
        )
        self.asked = 0
        self.stop = stop

    def answer(self, rows):
        if self.stop is not None and self.asked + rows.height > self.stop:
            raise RuntimeError("stopped")
        self.asked += rows.height
        good = rows[self.columns[0]].cast(float).to_numpy() % 1
        return np.stack([1 - good, good], axis=1).astype(np.float32)


@contextlib.contextmanager
def serve(
    reply: Callable[[str, dict[str, Any] | None], tuple[int, Any]], **headers: str
) -> Iterator[tuple[str, list[Any]]]:
    """Serve ``reply(path, body) -> (status, JSON)`` on 127.0.0.1; yields its address and the bodies it got."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, body: dict[str, Any] | None) -> None:
            status, value = reply(self.path, body)
            content = value.encode() if isinstance(value, str) else json.dumps(value).encode()
            with contextlib.suppress(OSError):  # the client may have given up
                self.send_response(status)
                for name, text in headers.items():
                    self.send_header(name.replace("_", "-"), text)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((dict(self.headers), body))
            self._answer(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def tiny_bert(folder: Path, texts: Iterable[str], positions: int = 24) -> Path:
    """Write a BERT classifier of NEG and POS that reads the characters of some texts, never trained."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted({char for text in texts for char in text if char != " "})]
    tokenizer = Tokenizer(models.WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)  # each Chinese character by itself
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=positions, id2label={0: "NEG", 1: "POS"}, label2id={"NEG": 0, "POS": 1},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder
