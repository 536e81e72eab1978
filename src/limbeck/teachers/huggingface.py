"""``huggingface:DIR_OR_ID``: a sequence classifier of transformers, in batches of texts of like length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import first_line
from limbeck.files import need_regular
from limbeck.hugging_face import knows_nothing, misfit, quiet
from limbeck.process.native import panics_caught
from limbeck.teachers.base import AnswerError, Answers, Features, Place, Teacher, file_hashes, heavy
from limbeck.teachers.columns import spread, texts
from limbeck.teachers.label_map import LabelMap, probabilities

_FILES = ["*.json", "*.txt", "*.model", "*.safetensors", "*.bin"]


class HuggingFace:
    """A directory or an id of the hub; weights come from safetensors, or from torch's weights-only reader.

    No code from the model's repository is ever run.
    """

    block = 4096

    def __init__(self, place: Place) -> None:
        options = place.options({"max_length": 512, "revision": "main", "device": "auto"})
        self.name, self.classes = place.spec.name, place.classes
        folder = place.seek() or _download(place, options["revision"])
        self.tokenizer, self.model = _load(folder, place)
        self.batch, self.limit = place.spec.batch_size, min(options["max_length"], self._reach())
        self.torch = heavy("torch", "a Hugging Face teacher")
        accelerated = self.torch.cuda.is_available() if options["device"] == "auto" else False
        self.device = "cuda" if accelerated else "cpu" if options["device"] == "auto" else options["device"]
        self.model.to(self.device).eval()
        self.columns = place.columns(place.task.input)
        if len(self.columns) != 1:
            raise place.wrong(f"it reads one column of text, not {list(self.columns)}", "name one in its input")
        config = self.model.config
        if config.num_labels < 2 or config.problem_type == "multi_label_classification":
            raise place.wrong("the model does not tell classes apart: it scores each label by itself")
        self.labels = LabelMap([str(config.id2label[index]) for index in range(config.num_labels)], place)
        # An encoder and a decoder side by side have no one last state to pool.
        self.width = 0 if config.is_encoder_decoder else int(getattr(config, "hidden_size", None) or 0)
        facts = {"max_length": options["max_length"]}
        self.fingerprint = place.fingerprint(file_hashes(folder), self.columns, options=facts)

    def _reach(self) -> int:
        positions = getattr(self.model.config, "max_position_embeddings", None) or 512
        if self.model.config.model_type in ("roberta", "xlm-roberta", "camembert"):
            positions -= 2  # their positions begin behind the padding's
        return int(min(positions, self.tokenizer.model_max_length))

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; an empty cell is an abstention."""
        given, there = texts(rows, self.columns[0], self.name)
        asked = [text for text, is_there in zip(given, there, strict=True) if is_there]
        logits = self._ask(asked, len(self.labels.theirs), lambda batch: self.model(**batch).logits)
        return self.labels(spread(probabilities(logits, "logits"), there), self.name)

    def features(self, rows: pl.DataFrame) -> Features:
        """Return the mean of the last hidden states over a text's tokens, float32 [N, D]; NaN for an empty cell."""
        given, there = texts(rows, self.columns[0], self.name)
        asked = [text for text, is_there in zip(given, there, strict=True) if is_there]
        return spread(self._ask(asked, self.width, self._pooled), there).astype(np.float32)

    def _pooled(self, batch: Any) -> Any:
        states = self.model(**batch, output_hidden_states=True).hidden_states[-1].float()
        mask = batch["attention_mask"].unsqueeze(-1)
        return (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)

    def _ask(self, asked: list[str], width: int, of: Callable[[Any], Any]) -> NDArray[np.float32]:
        """Return float32 [N, width] of texts: what ``of`` makes of each batch of tokens."""
        out = np.empty((len(asked), width), dtype=np.float32)
        if not asked:
            return out
        try:
            with panics_caught(silent=True):
                ids = self.tokenizer(asked, truncation=True, max_length=self.limit)
        except Exception as error:  # tokenizers raises bare Exception
            raise AnswerError(f"its tokenizer fails: {first_line(error)}", teacher=self.name) from error
        if knows_nothing(asked, ids["input_ids"], self.tokenizer.all_special_ids):
            what = f"its tokenizer knows no word of {len(asked):,} texts, so that all would get one answer"
            raise AnswerError(what, teacher=self.name, fix="give the tokenizer that belongs to the model")
        order = np.argsort([-len(row) for row in ids["input_ids"]], kind="stable")
        with self.torch.inference_mode(), quiet():
            for at in range(0, len(asked), self.batch):
                part = order[at : at + self.batch]
                batch = self.tokenizer.pad({k: [v[i] for i in part] for k, v in ids.items()}, return_tensors="pt")
                out[part] = of(batch.to(self.device)).float().cpu().numpy()
        return out


def _download(place: Place, revision: str) -> Path:
    if place.place.startswith((".", "/")) or place.place.count("/") > 1:
        return place.path()  # no hub id: the error says where it was sought
    hub: Any = heavy("huggingface_hub", "a Hugging Face teacher")
    try:
        return Path(hub.snapshot_download(place.place, revision=revision, allow_patterns=_FILES))
    except Exception as error:  # no network, no such model: each has its own exception type
        fix = "check the name, or name a folder that is there"
        raise place.wrong(f"{place.place!r} is no folder, and the hub: {first_line(error)}", fix) from error


def _load(folder: Path, place: Place) -> tuple[Any, Any]:
    transformers = heavy("transformers", "a Hugging Face teacher")
    safe = any(folder.glob("*.safetensors"))
    need_regular(folder)
    try:
        with quiet():
            with panics_caught(silent=True):
                tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            model, found = transformers.AutoModelForSequenceClassification.from_pretrained(
                folder, use_safetensors=safe, weights_only=True, trust_remote_code=False, output_loading_info=True
            )
    except Exception as error:  # a missing file, a broken one, unsafe weights: each has its own exception type
        raise place.wrong(f"it cannot be loaded from {folder}: {first_line(error)}") from error
    if found["missing_keys"]:
        missing = ", ".join(sorted(found["missing_keys"])[:3])
        raise place.wrong(f"{folder} lacks weights of the classifier: {missing}", "it is no fine-tuned classifier")
    embeddings = getattr(model.config.get_text_config(), "vocab_size", None)
    if what := misfit(len(tokenizer), len(set(tokenizer.all_special_ids)), embeddings):
        raise place.wrong(f"{folder}: {what}", "copy tokenizer.json, or vocab.txt, of this model into it")
    return tokenizer, model


def open_huggingface(place: Place) -> Teacher:
    """Open a transformers classifier as a teacher."""
    return HuggingFace(place)
