"""HTTP errors, and pages that are no answer at all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from harness.distributions import Constant, Distribution
from harness.faults.base import STRICT, Fault, Meeting
from harness.scripts import Event, Reply, Script, decimal

_HTML = b"<html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"


def error_body(message: str, kind: str, code: str | None = None) -> bytes:
    """OpenAI's error body."""
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _Instead(Fault):
    """Something else than an answer, `after` seconds from the request's arrival."""

    after: Distribution = Constant(0.0)

    def edit(self, script: Script, u: float, meeting: Meeting) -> Script:  # noqa: ARG002 - the same in any circumstances
        """The reply is all there is."""
        return script.cut(0, Event("reply", self.after.quantile(u), reply=self.reply()))

    def reply(self) -> Reply:
        """What a subclass sends."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StatusError(_Instead):
    """an HTTP error with OpenAI's body, a page of HTML, or nothing"""

    status: Annotated[int, Field(ge=400, le=599, strict=True)] = 500
    body: Literal["json", "html", "empty"] = "json"
    kind: Literal["status_error"] = "status_error"

    def reply(self) -> Reply:
        """The status with the chosen body."""
        if self.body == "json":
            return Reply(self.status, error_body(f"The server answered with status {self.status}.", "server_error"))
        return Reply(self.status, _HTML if self.body == "html" else b"", "text/html")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LateGatewayError(_Instead):
    """a long silence, then a gateway's error page: OpenAI's proxy answers 502 after 600 s"""

    after: Distribution = Constant(600.0)
    status: Literal[408, 502, 503, 504] = 502
    kind: Literal["late_gateway_error"] = "late_gateway_error"

    def reply(self) -> Reply:
        """A page of HTML, as gateways send it."""
        return Reply(self.status, _HTML, "text/html")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RateLimitStorm(_Instead):
    """status 429 with the same Retry-After for all, so that all come back at once"""

    retry_after: Annotated[float, Field(ge=0)] | str | None = 5.0
    unit: Literal["seconds", "milliseconds", "date"] = "seconds"
    kind: Literal["rate_limit_storm"] = "rate_limit_storm"

    @model_validator(mode="after")
    def _fits_in_a_header(self) -> RateLimitStorm:
        if isinstance(self.retry_after, str) and not self.retry_after.isprintable():
            raise ValueError("retry_after: a header is one line of printable characters")
        return self

    def reply(self) -> Reply:
        """Retry-After in seconds or as a date, or retry-after-ms; a text as it stands, however absurd; or nothing."""
        body = error_body("Rate limit reached.", "requests", "rate_limit_exceeded")
        wait = self.retry_after
        if wait is None:
            return Reply(429, body)
        if isinstance(wait, str):
            return Reply(429, body, headers=(("retry-after", wait),))
        if self.unit == "date":
            return Reply(429, body, retry_date_s=wait)
        milliseconds = self.unit == "milliseconds"
        header = ("retry-after-ms", decimal(wait * 1000)) if milliseconds else ("retry-after", decimal(wait))
        return Reply(429, body, headers=(header,))

    def scaled(self, factor: float) -> RateLimitStorm:
        """The same storm with its times multiplied by `factor`."""
        changed = super().scaled(factor)
        wait = self.retry_after
        return replace(changed, retry_after=wait * factor) if isinstance(wait, float) else changed


@dataclass(frozen=True, kw_only=True, config=STRICT)
class InsufficientQuota(_Instead):
    """status 429 because the account is empty: no retry helps, though the SDK makes them"""

    kind: Literal["insufficient_quota"] = "insufficient_quota"

    def reply(self) -> Reply:
        """OpenAI's body for it."""
        text = "You exceeded your current quota, please check your plan and billing details."
        return Reply(429, error_body(text, "insufficient_quota", "insufficient_quota"))


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Html200(_Instead):
    """status 200 and a page of HTML, from a proxy that should have failed"""

    kind: Literal["html_200"] = "html_200"

    def reply(self) -> Reply:
        """A page with the status of an answer."""
        return Reply(200, _HTML, "text/html")
