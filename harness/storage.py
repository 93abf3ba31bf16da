"""The run folder: append-only records while a run goes on, tables and a summary when it ends."""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import yaml

from harness.errors import UserError
from harness.records import SCHEMA_VERSION, Outcome

CONFIG, MANIFEST, RECORDS, SUMMARY = "config.yaml", "manifest.json", "records.jsonl", "summary.json"
BATCHES, QUANTILES = "batches.csv", "quantiles.csv"
#: Attempts of a few batches, kept with published results, which have no records.
TIMELINES = "timelines.csv"

#: What is published: small, and without host, paths or records.
PUBLISHED = (CONFIG, SUMMARY, BATCHES, QUANTILES)
_PRIVATE = ("host", "command", "git_commit")
#: What the summary says too, or the settings.
_REPEATED = ("cells", "profiles")
#: Bytes beyond which a file is left out: no chart draws the quantiles of so many cells.
_MOST_PUBLISHED = {QUANTILES: 2_000_000}


class RunFolder:
    """One run on disk. Published results open as one too; they have no records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    # -- opening

    @classmethod
    def create(cls, path: str | Path | None, experiment: str) -> RunFolder:
        """A new, empty run folder; by default `experiments/<experiment>/runs/<UTC time>-<suffix>/`.

        Raises UserError when the folder is used already or cannot be written.
        """
        if path is None:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            path = Path("experiments") / _as_name(experiment) / "runs" / f"{stamp}-{secrets.token_hex(3)}"
        folder = Path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise UserError(
                    f"{folder} is not empty; choose another out=, or continue the run in it with resume=true"
                )
            (folder / RECORDS).touch()
        except (NotADirectoryError, FileExistsError):
            raise UserError(f"{folder} is not a folder; choose another out=") from None
        except OSError as error:
            raise UserError(f"cannot write to {folder} ({error.strerror}); choose another out=") from None
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """An existing run folder, or published results. Raises UserError when it is neither, or of another schema."""
        folder = Path(path)
        if not folder.is_dir():
            raise UserError(f"no run folder at {folder}; `harness run` prints where it leaves one")
        if not (folder / MANIFEST).is_file():
            raise UserError(f"{folder} is not a run folder (no {MANIFEST}); `harness run` prints where it leaves one")
        run = cls(folder)
        version = run.manifest().get("schema")
        if version != SCHEMA_VERSION:
            raise UserError(
                f"{folder} was written with schema {version}, this version reads schema {SCHEMA_VERSION}; "
                "use the version of the harness that wrote it"
            )
        return run

    # -- settings and provenance

    def write_config(self, resolved: Mapping[str, Any]) -> None:
        """Keep the resolved settings."""
        self._replace(CONFIG, yaml.safe_dump(dict(resolved), sort_keys=False, allow_unicode=True))

    def config(self) -> dict[str, Any]:
        """The resolved settings of the run."""
        content = yaml.safe_load((self.path / CONFIG).read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Keep where the run came from."""
        self._replace(MANIFEST, _pretty(manifest))

    def update_manifest(self, **changes: Any) -> None:
        """Change some of it, in one step."""
        self.write_manifest(self.manifest() | changes)

    def manifest(self) -> dict[str, Any]:
        """Where the run came from. Raises UserError when the file is damaged."""
        return self._json(MANIFEST)

    def summary(self) -> dict[str, Any]:
        """The summary of a finished run. Raises UserError when there is none."""
        if not (self.path / SUMMARY).is_file():
            raise UserError(f"{self.path} has no {SUMMARY}: no run was finished there; continue it with resume=true")
        return self._json(SUMMARY)

    # -- records

    def append(self, outcome: Outcome) -> None:
        """Add one finished request; it is with the operating system when this returns."""
        if self._file is None:
            self._file = (self.path / RECORDS).open("a", encoding="utf-8")
        self._file.write(outcome.to_json() + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the records; the next one that is appended opens them again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def has_records(self) -> bool:
        """Whether this is a run with records, not published results."""
        return (self.path / RECORDS).is_file()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every record as plain data, in the order written.

        A last line that was cut short is passed over: its request was not finished. Raises UserError, with the line's
        number, for anything else that is not a record of this schema.
        """
        with (self.path / RECORDS).open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n"):
                    return
                yield self._parsed(raw, number)

    def outcomes(self) -> Iterator[Outcome]:
        """Every record; of two for one request, both, the later of which counts."""
        return map(Outcome.from_dict, self.lines())

    def repair(self) -> None:
        """Cut off a last line that was interrupted, so that the next record begins a line of its own."""
        path = self.path / RECORDS
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)

    def _parsed(self, raw: bytes, number: int) -> dict[str, Any]:
        try:
            line = json.loads(raw)
            version = line["schema"]
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f"{self.path / RECORDS}, line {number}: not a record; restore the file or remove the line"
            ) from None
        if version != SCHEMA_VERSION:
            raise UserError(
                f"{self.path / RECORDS}, line {number}: schema {version}, this version reads schema {SCHEMA_VERSION}; "
                "use the version of the harness that wrote it"
            )
        return line  # type: ignore[no-any-return]  # a record is an object: it has a schema

    # -- results

    def write_text(self, name: str, text: str) -> None:
        """Keep a table that follows from the records."""
        self._replace(name, text)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Keep the summary; equal summaries are equal bytes."""
        self._replace(SUMMARY, _pretty(summary))

    def publish(self, destination: Path) -> None:
        """Copy what is small and public: settings, manifest without host and paths, summary, batches, quantiles."""
        self.summary()
        destination.mkdir(parents=True, exist_ok=True)
        for name in PUBLISHED:
            if (self.path / name).stat().st_size <= _MOST_PUBLISHED.get(name, math.inf):
                shutil.copyfile(self.path / name, destination / name)
        config = RunFolder(destination)
        config.write_config({key: value for key, value in self.config().items() if key not in {"out", "resume"}})
        manifest = {key: value for key, value in self.manifest().items() if key not in (*_PRIVATE, *_REPEATED)}
        config.write_manifest(manifest)

    def _json(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except ValueError:
            raise UserError(f"{self.path / name} is not JSON; restore it or run again") from None
        if not isinstance(content, dict):
            raise UserError(f"{self.path / name} is not a JSON object; restore it or run again")
        return content

    def _replace(self, name: str, text: str) -> None:
        """Write a file in one step, so that a crash leaves the old one or the new one."""
        partial = self.path / f".{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(self.path / name)


def _as_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "run"


def _pretty(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
