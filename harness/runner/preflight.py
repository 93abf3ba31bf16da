"""One look at a server before a run is pointed at it, and one at the mock's own log after it."""

from __future__ import annotations

from typing import Any

from harness.errors import UserError


def trouble_of_key(key: str) -> str | None:
    """What keeps a key out of a header, without a word of the key; None for one that can be sent."""
    if key != key.strip() or not key.isprintable():
        return "blanks or line ends in it, which a header cannot carry"
    return None if key.isascii() else "letters beyond ASCII in it, which a header cannot carry"


def check_reachable(
    base_url: str, api_key: str, *, is_mock: bool = False, trust_env: bool = True, timeout: float = 10.0
) -> None:
    """Ask for the list of models once, within `timeout` seconds.

    Raises UserError when the name does not resolve, nothing answers, the key is refused, or what answers is not an
    API. A server without that list (404 with a JSON body) passes, unless it should be a mock: gateways often leave it
    out.
    """
    import httpx2

    url = f"{base_url.rstrip('/')}/models"
    try:
        with httpx2.Client(trust_env=trust_env, timeout=timeout, follow_redirects=True) as client:
            answer = client.get(url, headers={"Authorization": f"Bearer {api_key}"})
    except httpx2.TimeoutException:
        raise UserError(f"nothing answered at {base_url} within {timeout:g} s; check target.base_url") from None
    except (httpx2.RequestError, httpx2.InvalidURL) as error:
        raise UserError(f"cannot reach {base_url} ({error}); check target.base_url") from None
    if answer.status_code in {401, 403}:
        raise UserError(f"{base_url} refused the key (HTTP {answer.status_code}); check OPENAI_API_KEY")
    if is_mock and answer.status_code == 404:
        raise UserError(f"{base_url} lists no models (HTTP 404); the address that `harness serve` says ends in /v1")
    if "json" not in answer.headers.get("content-type", ""):
        kind = answer.headers.get("content-type", "no content type").split(";")[0]
        raise UserError(
            f"{base_url} is not an OpenAI-compatible API (HTTP {answer.status_code}, {kind}); "
            "check target.base_url, which usually ends in /v1"
        )


def server_timing(base_url: str, *, timeout: float = 10.0) -> dict[str, Any] | None:
    """How late a mock's server was by its own log (p50_s, p99_s, max_s, limit_s, late); None when it does not say."""
    import httpx2

    try:
        with httpx2.Client(trust_env=False, timeout=timeout) as client:
            timing = client.get(f"{base_url.rstrip('/').removesuffix('/v1')}/health").json()["timing"]
            return {name: timing[name] for name in ("p50_s", "p99_s", "max_s", "limit_s", "late")}
    except (httpx2.TransportError, ValueError, KeyError, TypeError):
        return None
