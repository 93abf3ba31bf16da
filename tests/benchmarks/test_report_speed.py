"""How long a report takes, how much memory, how large its page is, and how soon a browser has drawn it.

`pytest tests/benchmarks/test_report_speed.py -m bench --benchmark-enable -s` prints the figures. The million requests
are ten played trials under other numbers: what is measured is reading, counting and drawing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.analysis import finish
from harness.cli import main
from harness.report import write_report
from harness.storage import RunFolder
from tests.benchmarks import figures

pytestmark = pytest.mark.bench

CHROMIUM = "/usr/bin/chromium"


def reported(folder: Path, out: Path) -> tuple[float, float, float]:
    """Seconds of the whole command, its peak memory in MiB, and the size of the page in MiB."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "harness", "report", str(folder), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    seconds = time.perf_counter() - begun
    return seconds, usage.ru_maxrss / 1024, (out / "index.html").stat().st_size / 2**20


def article(path: Path) -> RunFolder:
    assert main(["run", "article", "trials=10", "report=false", f"out={path}"]) == 0
    return RunFolder.open(path)


def multiplied(source: RunFolder, path: Path, times: int) -> RunFolder:
    """A run of so many times the trials, each a copy of one that was played."""
    manifest, config = source.manifest(), source.config()
    trials = 10 * times
    folder = RunFolder.create(path, "article")
    folder.write_config(config | {"trials": trials})
    folder.write_manifest(manifest | {"seeds": list(range(trials))})
    lines = list(source.lines())
    with (path / "records.jsonl").open("w") as file:
        for copy in range(times):
            for line in lines:
                trial = line["trial"] + 10 * copy
                file.write(json.dumps(line | {"trial": trial, "seed": trial}) + "\n")
    return folder


def drawn_after(page: Path) -> float | None:
    """Seconds from opening a page in Chromium until its script has drawn everything; the median of five.

    None without a browser.
    """
    try:
        from playwright import sync_api as driver
    except ImportError:
        return None
    if not Path(CHROMIUM).exists():
        return None
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        found = []
        for _ in range(5):
            tab = browser.new_page(viewport={"width": 1200, "height": 900})
            tab.goto(page.resolve().as_uri())
            tab.wait_for_selector("html[data-ready]", state="attached")
            found.append(tab.evaluate("performance.getEntriesByType('navigation')[0].domComplete") / 1000)
            tab.close()
        browser.close()
    return sorted(found)[2]


def row(run: str, found: tuple[float, float, float], drawn_s: float | None) -> figures.Row:
    """A row of the table, printed."""
    seconds, peak_mib, page_mib = found
    print(f"\n{run}: {seconds:.1f} s, {peak_mib:.0f} MiB, page {page_mib:.2f} MiB", end="")
    print("" if drawn_s is None else f", drawn in Chromium after {drawn_s:.2f} s")
    return {"run": run, "seconds": seconds, "peak_mib": peak_mib, "page_mib": page_mib, "drawn_s": drawn_s}


def test_the_report_of_the_articles_run(tmp_path: Path, benchmark):
    """30,000 requests: under 3 s and 2 MiB is what it should be."""
    folder = article(tmp_path / "run")
    found = sorted(reported(folder.path, tmp_path / "out") for _ in range(figures.rounds(5)))
    shown = row("30,000 requests", found[len(found) // 2], drawn_after(tmp_path / "out" / "index.html"))
    figures.add(benchmark, "report", [shown])
    benchmark.pedantic(write_report, (folder, tmp_path / "again"), rounds=figures.rounds(3))


def test_the_report_of_a_million_requests(tmp_path: Path, benchmark):
    """1,020,000 requests: under 20 s, 2 GiB and 5 MiB, drawn within 1 s."""
    folder = multiplied(article(tmp_path / "run"), tmp_path / "many", 34)
    unfinished = row("1,020,000 requests, from records", reported(folder.path, tmp_path / "out"), None)
    finish(folder)
    found = reported(folder.path, tmp_path / "out")
    finished = row("1,020,000 requests, finished", found, drawn_after(tmp_path / "out" / "index.html"))
    figures.add(benchmark, "report", [finished, unfinished])
    benchmark.pedantic(write_report, (folder, tmp_path / "again"), rounds=1)
