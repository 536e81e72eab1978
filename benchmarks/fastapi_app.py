"""The server that people write by hand: FastAPI, a plain function, `predict_proba`; for `uvicorn --workers 2`."""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

import limbeck

app = FastAPI()
classifier = limbeck.load(os.environ["BUNDLE"])


class Asked(BaseModel):
    """The body of a request."""

    texts: list[str]


@app.get("/health")
def health() -> dict[str, bool]:
    return {"ready": True}


@app.post("/predict")
def predict(asked: Asked) -> dict[str, Any]:
    found = classifier.predict_proba(asked.texts)
    return {
        "probabilities": found.tolist(),
        "labels": [classifier.classes[at] for at in classifier.decide(found).tolist()],
    }
