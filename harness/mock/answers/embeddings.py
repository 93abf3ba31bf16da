"""Answers of POST /v1/embeddings: a vector for each input, never streamed."""

from __future__ import annotations

import base64
import math
import struct
from hashlib import shake_128
from typing import Any

from harness.mock.answers.base import dump
from harness.mock.request import Texts


def embeddings(asked: Texts) -> bytes:
    """The whole answer; the same input has the same vector of length 1, whoever asks."""
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(_vector(text, asked.dimensions), asked.base64)}
        for index, text in enumerate(asked.texts)
    ]
    usage = {"prompt_tokens": asked.prompt_tokens, "total_tokens": asked.prompt_tokens}
    return dump({"object": "list", "data": data, "model": asked.model, "usage": usage})


def _vector(text: str, dimensions: int) -> list[float]:
    digest = shake_128(text.encode()).digest(dimensions)
    raw = [byte - 127.5 for byte in digest]
    norm = math.sqrt(sum(value * value for value in raw))
    return [value / norm for value in raw]


def _encoded(vector: list[float], as_base64: bool) -> Any:
    """Numbers, or little-endian floats of four bytes in base64, which the SDK asks for."""
    if not as_base64:
        return [round(value, 8) for value in vector]
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
