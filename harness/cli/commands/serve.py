"""`harness serve`."""

from __future__ import annotations

import argparse

from harness.cli.commands.base import Command, add_json
from harness.cli.output import say_json


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="key=value", help="settings, see below")
    add_json(parser, "where it listens, once it does,")


def _handle(arguments: argparse.Namespace) -> int:
    from harness.config import serve_settings
    from harness.mock.server import serve_forever

    settings = serve_settings(arguments.words)

    def ready(url: str) -> None:
        if arguments.json:
            say_json({"base_url": url, "profile": settings.profile.name, "seed": settings.seed})

    serve_forever(
        settings.profile.scaled(settings.time_scale),
        seed=settings.seed,
        host=settings.host,
        port=settings.port,
        allow_remote=settings.allow_remote,
        ready=ready,
    )
    return 0


SERVE = Command(
    "serve",
    "the mock server on a real socket",
    (
        "harness serve",
        "harness serve profile=long_answer port=9000 seed=7",
        "harness serve port=0 --json",
        "curl -N http://127.0.0.1:8000/v1/chat/completions -d \\\n"
        '      \'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}\'',
    ),
    _handle,
    _arguments,
    notes="keys:\n  profile=article host=127.0.0.1 port=8000 seed=0 time_scale=1 allow_remote=false fault=null\n"
    "  and any profile.FIELD and fault.FIELD; port=0 takes a free one",
)
