"""The environment variables that change what a run does. No secret is ever shown, nor how long it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from harness.doctor.base import Finding
from harness.runner.preflight import trouble_of_key

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def key() -> Finding:
    """The key of a real API."""
    return judge_key(os.environ)


def judge_key(variables: Mapping[str, str]) -> Finding:
    """Whether there is a key, and no more of it."""
    found = variables.get("OPENAI_API_KEY")
    if not found:
        return Finding("API key", "ok", "OPENAI_API_KEY is not set, which only target=openai needs")
    if (trouble := trouble_of_key(found)) is not None:
        return Finding("API key", "warn", f"OPENAI_API_KEY has {trouble}", "set it again without them")
    return Finding("API key", "ok", "OPENAI_API_KEY is set")


def base_url() -> Finding:
    """The URL that the SDK would take from the environment."""
    return judge_base_url(os.environ)


def judge_base_url(variables: Mapping[str, str]) -> Finding:
    """A run says where it goes: what the environment says is not used, which surprises."""
    found = variables.get("OPENAI_BASE_URL")
    if not found:
        return Finding("base URL", "ok", "OPENAI_BASE_URL is not set (a run goes to target.base_url)")
    where = shown(found)
    return Finding(
        "base URL",
        "warn",
        f"OPENAI_BASE_URL is set ({where}), and no run uses it",
        f"write target=openai target.base_url={where if where.startswith('http') else 'URL'}",
    )


def proxies() -> Finding:
    """What stands between a run and a real API."""
    return judge_proxies(os.environ)


def judge_proxies(variables: Mapping[str, str]) -> Finding:
    """Which proxies are set; they are in every time that is measured, though never before the mock."""
    named = {name: variables.get(name) or variables.get(name.lower()) for name in _PROXIES}
    found = ", ".join(f"{name} {shown(value)}" for name, value in named.items() if value)
    if not found:
        return Finding("proxies", "ok", "none")
    return Finding(
        "proxies",
        "warn",
        f"{found}: used towards real APIs, never towards the mock",
        "unset it to measure an API without it",
    )


def shown(url: str) -> str:
    """Scheme, host and port of a URL: what may be seen of it. Whatever is not clearly such a part is left out."""
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return "not a URL that can be read"
    # An @ further behind means that a password has signs in it which take the URL apart elsewhere.
    if not host or "@" in url[len(parts.scheme) :].partition(parts.netloc)[2]:
        return "not a URL that can be read"
    place = f"[{host}]" if ":" in host else host
    path = parts.path if parts.scheme and parts.path.rstrip("/") in {"/v1", "/api/v1"} else ""
    return f"{parts.scheme}://{place}{f':{port}' if port else ''}{path}".removeprefix("://")
