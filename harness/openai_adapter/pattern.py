"""Requests like one that the SDK has built: the same bytes, but for the body and its length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
from openai._types import NotGiven
from openai._utils._json import openapi_dumps

if TYPE_CHECKING:
    from openai._models import FinalRequestOptions

_LENGTH = b"content-length"


def is_plain(options: FinalRequestOptions) -> bool:
    """Whether all that is said of a request beside its place and its timeout is a JSON object."""
    return (
        isinstance(options.json_data, dict)
        and isinstance(options.headers, NotGiven)
        and not options.params
        and options.files is None
        and options.content is None
        and options.extra_json is None
    )


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a request has beside its body."""

    method: str
    url: httpx2.URL
    headers: tuple[tuple[bytes, bytes], ...]
    extensions: Mapping[str, Any]

    @classmethod
    def of(cls, request: httpx2.Request) -> Pattern:
        """As it is before it is sent, which adds to it."""
        return cls(request.method, request.url, tuple(request.headers.raw), dict(request.extensions))

    def filled(self, content: object) -> httpx2.Request:
        """The same with another JSON body, which is written as the SDK does."""
        body = openapi_dumps(content)
        length = str(len(body)).encode()
        headers = [(name, length if name.lower() == _LENGTH else value) for name, value in self.headers]
        stream = httpx2.ByteStream(body)
        request = httpx2.Request(self.method, self.url, headers=headers, stream=stream, extensions=self.extensions)
        request.read()
        return request
