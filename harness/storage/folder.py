"""What a run folder holds: settings, where it came from, its records, and what follows from them."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from harness.errors import GoneError, UserError, has_no_room, unwritten, writing
from harness.progress import Progress, nobody
from harness.records import SCHEMA_VERSION, Outcome
from harness.storage.parts import RECORDS, Parts

CONFIG, MANIFEST, SUMMARY = "config.yaml", "manifest.json", "summary.json"
BATCHES, QUANTILES = "batches.csv", "quantiles.csv"
#: Attempts of a few batches, kept with published results, which have no records.
TIMELINES = "timelines.csv"

#: What is published: small, and without host, paths or records.
PUBLISHED = (CONFIG, SUMMARY, BATCHES, QUANTILES)
_PRIVATE = ("host", "command", "git_commit")
#: Settings that say where a run was played, not what.
_OF_THE_MACHINE = ("out", "resume", "cluster")
#: What the summary says too, or the settings.
_REPEATED = ("cells", "profiles")
#: Bytes beyond which a file is left out: no chart draws the quantiles of so many cells.
_MOST_PUBLISHED = {QUANTILES: 2_000_000}
#: Records between two words on how much has been read.
_TOLD_EVERY = 500


class RunFolder:
    """One run on disk. Published results open as one too; they have no records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts = Parts(path)
        #: Bytes beyond which a part of the records is finished and compressed; infinity: never.
        self.rotate_bytes = math.inf
        self._file: BinaryIO | None = None

    # -- opening

    @classmethod
    def create(cls, path: str | Path | None, experiment: str) -> RunFolder:
        """A new, empty run folder; by default `experiments/<experiment>/runs/<UTC time>-<suffix>/`.

        Raises UserError when the folder is used already or cannot be written, DiskError when there is no room.
        """
        if path is None:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            path = Path("experiments") / _as_name(experiment) / "runs" / f"{stamp}-{secrets.token_hex(3)}"
        folder = Path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()) and not cls(folder).is_stillborn:
                raise UserError(
                    f"{folder} is not empty; choose another out=, or continue the run in it with resume=true"
                )
            (folder / RECORDS).touch()
        except (NotADirectoryError, FileExistsError):
            raise UserError(f"{folder} is not a folder; choose another out=") from None
        except OSError as error:
            if has_no_room(error):
                raise unwritten(folder, error) from None
            raise UserError(f"cannot write to {folder} ({error.strerror}); choose another out=") from None
        return cls(folder)

    @property
    def is_stillborn(self) -> bool:
        """Whether a run was killed here before it had said what it is: nothing is lost when it begins anew."""
        beginnings = {RECORDS, CONFIG, *(f".{name}.partial" for name in (CONFIG, MANIFEST))}
        try:
            there = {entry.name: entry.stat().st_size for entry in self.path.iterdir()}
        except OSError:
            return False
        return not there or (there.get(RECORDS) == 0 and there.keys() <= beginnings)

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
        """Change some of it, in one step. Raises DiskError, where the folder is gone too."""
        with writing(self.path / MANIFEST):
            before = self.manifest()
        self.write_manifest(before | changes)

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
        """Add one finished request; it is with the operating system when this returns.

        Raises DiskError when it cannot be written, or when somebody has removed the file.
        """
        try:
            file = self._file or self._opened()
            if file.tell() >= self.rotate_bytes:
                self._shut()
                self.parts.rotate()
                file = self._opened()
            # A server can say halves of characters, which no file of text can hold.
            file.write(outcome.to_json().encode(errors="replace") + b"\n")
            file.flush()
            # What is written to a file that was removed goes nowhere, and the system does not say so.
            removed = not os.fstat(file.fileno()).st_nlink
        except OSError as error:
            raise unwritten(self.path / RECORDS, error) from None
        if removed:
            raise GoneError(f"{self.path / RECORDS} was removed while the run was writing to it; run again")

    def close(self) -> None:
        """Close the records, once what is finished has been compressed; the next one appended opens them again."""
        self._shut()
        self.parts.wait()

    def _opened(self) -> BinaryIO:
        self._file = (self.path / RECORDS).open("ab")
        return self._file

    def _shut(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            # What could not be written when it was appended has been told; `repair` cuts off what is there of it.
            with contextlib.suppress(OSError):
                file.close()

    @property
    def has_records(self) -> bool:
        """Whether this is a run with records, not published results."""
        return self.parts.exist

    def lines(self, progress: Progress = nobody) -> Iterator[dict[str, Any]]:
        """Every record as plain data, in the order written; `progress` hears now and then how much has been read.

        A last line that was cut short is passed over: its request was not finished. Raises UserError, with the line's
        number, for anything else that is not a record of this schema.
        """
        # Takes half the time of the standard library's, which matters with a million of them.
        from pydantic_core import from_json

        size, before = self.parts.size, 0
        for part in self.parts.all():
            for number, raw in enumerate(part.lines(), start=1):
                if not number % _TOLD_EVERY:
                    progress(min(1.0, (before + part.raw.tell()) / size))
                if not raw.endswith(b"\n") and part.is_last:
                    return
                yield self._parsed(from_json, raw, part.path, number)
            before += part.raw.tell()

    def outcomes(self, progress: Progress = nobody) -> Iterator[Outcome]:
        """Every record; of two for one request, both, the later of which counts."""
        return map(Outcome.from_dict, self.lines(progress))

    def repair(self) -> None:
        """Make good what a crash has left: a last line that was interrupted, and parts that are not compressed."""
        self.parts.repair()

    @staticmethod
    def _parsed(read: Callable[[bytes], Any], raw: bytes, path: Path, number: int) -> dict[str, Any]:
        try:
            line = read(raw)
            version = line["schema"]
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{path}, line {number}: not a record; restore the file or remove the line") from None
        if version != SCHEMA_VERSION:
            raise UserError(
                f"{path}, line {number}: schema {version}, this version reads schema {SCHEMA_VERSION}; "
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
        settings = {key: value for key, value in self.config().items() if key not in _OF_THE_MACHINE}
        config.write_config(settings)
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
        """Write a file in one step, so that a crash leaves the old one or the new one. Raises DiskError."""
        partial = self.path / f".{name}.partial"
        with writing(self.path / name):
            partial.write_text(text, encoding="utf-8")
            partial.replace(self.path / name)


def _as_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "run"


def _pretty(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
