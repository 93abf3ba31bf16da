"""`harness doctor`: what each check makes of what it sees, and how it is shown."""

import json
import os
import socket
from pathlib import Path

import matplotlib as mpl
import pytest
from packaging.requirements import Requirement

from harness.cli.findings import conclusion, line, show
from harness.doctor import CHECKS, Finding, clocks, environment, examine, failed, machine, network, versions, virtual

SECRET = "sk-very-secret"


@pytest.mark.parametrize(
    ("running", "wanted", "status"),
    [("3.11.7", ">=3.11", "ok"), ("3.14.0rc1", ">=3.11", "ok"), ("3.10.2", ">=3.11", "fail"), ("3.9.1", "", "ok")],
)
def test_python_is_held_against_what_is_required(running, wanted, status):
    """A candidate of a newer one will do."""
    assert versions.judge_python(running, wanted).status == status


@pytest.mark.parametrize(
    ("installed", "status", "finding"),
    [
        ({"openai": "3.57.0"}, "ok", "3.57.0 (wanted: <4,>=3.54)"),
        ({"openai": "4.0.0"}, "fail", "openai 4.0.0 (wanted: <4,>=3.54)"),
        ({}, "fail", "openai is missing (wanted: <4,>=3.54)"),
    ],
)
def test_packages_are_held_against_what_is_required(installed, status, finding):
    """Too new is as wrong as missing."""
    found = versions.judge_packages([Requirement("openai[aiohttp]<4,>=3.54")], installed.get)
    assert (found.status, found.finding) == (status, finding)


def test_a_checkout_that_is_not_installed_is_a_warning():
    """Nobody knows then what it requires."""
    assert versions.judge_packages([], {}.get).status == "warn"


@pytest.mark.parametrize(
    ("variables", "status", "finding"),
    [
        ({}, "ok", "OPENAI_API_KEY is not set, which only target=openai needs"),
        ({"OPENAI_API_KEY": SECRET}, "ok", "OPENAI_API_KEY is set"),
        ({"OPENAI_API_KEY": f"{SECRET}\n"}, "warn", "OPENAI_API_KEY has blanks or line ends in it, which a header"),
        (
            {"OPENAI_API_KEY": f"{SECRET}\u2019"},
            "warn",
            "OPENAI_API_KEY has letters beyond ASCII in it, which a header",
        ),
    ],
)
def test_a_key_is_there_or_not(variables, status, finding):
    """More is not said of it."""
    found = environment.judge_key(variables)
    assert (found.status, found.finding[: len(finding)]) == (status, finding)
    assert SECRET[:4] not in repr(found)


def test_a_key_is_said_alike_whatever_its_length():
    """Not even that is shown."""
    assert environment.judge_key({"OPENAI_API_KEY": "x"}) == environment.judge_key({"OPENAI_API_KEY": SECRET * 9})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example/v1", "https://api.example/v1"),
        (f"https://user:{SECRET}@api.example:8443/v1?key={SECRET}#{SECRET}", "https://api.example:8443/v1"),
        (f"https://api.example/{SECRET}/v1", "https://api.example"),
        (f"user:{SECRET}@proxy:3128", "proxy:3128"),
        (f"http://user:{SECRET}@[::1]:3128", "http://[::1]:3128"),
        (f"http://u:1?{SECRET}@proxy:3128", "not a URL that can be read"),
        (f"http://{SECRET}:x/y@proxy", "not a URL that can be read"),
        ("http://[", "not a URL that can be read"),
    ],
)
def test_of_a_url_only_its_place_is_shown(url, expected):
    """Any other part can carry a secret."""
    assert environment.shown(url) == expected


def test_a_base_url_of_the_environment_is_a_warning():
    """A run does not go there, whatever one may think; what to write instead is said."""
    found = environment.judge_base_url({"OPENAI_BASE_URL": f"https://u:{SECRET}@gateway.example/v1"})
    assert found.status == "warn"
    assert found.advice == "write target=openai target.base_url=https://gateway.example/v1"
    assert environment.judge_base_url({}).status == "ok"


def test_proxies_are_named_without_their_passwords():
    """In either spelling."""
    found = environment.judge_proxies({"https_proxy": f"http://u:{SECRET}@proxy:3128", "NO_PROXY": "localhost"})
    assert (found.status, found.finding.split(":")[0]) == ("warn", "HTTPS_PROXY http")
    assert SECRET not in repr(found)
    assert environment.judge_proxies({}) == Finding("proxies", "ok", "none")


def test_a_port_in_use_is_a_warning(monkeypatch):
    """A run does not need it; `serve` can take another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(network, "PORT", taken.getsockname()[1])
        found = network.port()
    assert (found.status, "is in use" in found.finding) == ("warn", True)
    assert "port=0" in found.advice


@pytest.mark.parametrize(("seconds", "status"), [(0.01, "ok"), (2.0, "warn"), (None, "fail")])
def test_a_mock_has_to_answer(seconds, status):
    """Slowly is a warning."""
    assert network.judge_round_trip(seconds, "broken").status == status


@pytest.mark.parametrize(("step", "status"), [(1e-7, "ok"), (0.0156, "warn")])
def test_a_clock_has_to_tell_milliseconds_apart(step, status):
    """Some systems count in steps of 15.6 ms."""
    assert clocks.judge_resolution(step).status == status


@pytest.mark.parametrize(("drift", "status"), [(1e-5, "ok"), (-0.2, "warn")])
def test_a_clock_that_is_being_set_is_a_warning(drift, status):
    """Forwards or backwards."""
    assert clocks.judge_drift(drift).status == status


@pytest.mark.parametrize(("late", "status"), [(False, "ok"), (True, "warn")])
def test_a_late_event_loop_is_a_warning(late, status):
    """Judged by the limit that runs are judged by."""
    assert clocks.judge_lag({"p50_s": 0.001, "max_s": 0.2, "limit_s": 0.05, "late": late}).status == status


@pytest.mark.parametrize(
    ("limit", "status"), [(256, "warn"), (264, "ok"), (1_048_576, "ok"), (None, "ok")]
)  # 2 x 100 + 64
def test_open_files_have_to_be_enough_for_what_is_in_flight(limit, status):
    """A hundred requests with a copy each, and what is open besides."""
    assert machine.judge_open_files(limit).status == status


@pytest.mark.parametrize(
    ("megabytes", "writable", "status"),
    [(5000, True, "ok"), (500, True, "warn"), (5, True, "fail"), (5000, False, "fail")],
)
def test_a_run_folder_needs_room(megabytes, writable, status):
    """And a place that can be written to."""
    assert machine.judge_disk(megabytes * machine.MEGABYTE, writable=writable).status == status


@pytest.mark.parametrize(
    ("columns", "encoding", "status"),
    [(80, "utf-8", "ok"), (None, "UTF-8", "ok"), (60, "utf-8", "warn"), (200, "ascii", "warn")],
)
def test_a_terminal_has_to_be_wide_and_to_know_its_letters(columns, encoding, status):
    """No terminal at all is fine."""
    assert machine.judge_terminal(columns, encoding, {}).status == status


def test_one_core_and_a_cache_that_cannot_be_kept_are_warnings():
    """Both make it slow, neither makes it wrong."""
    assert machine.judge_cores(1).status == machine.judge_fonts(False).status == "warn"
    assert machine.judge_cores(2).status == machine.judge_fonts(True).status == "ok"


def test_the_cache_of_fonts_is_where_matplotlib_keeps_it():
    """Its own rule, without importing it."""
    assert str(machine.cache_of_fonts({"MPLCONFIGDIR": "/there"}, Path("/home"))) == "/there"
    assert machine.cache_of_fonts(os.environ, Path.home()) == Path(mpl.get_cachedir())


@pytest.mark.parametrize(
    ("total", "problem", "status"),
    [(21.0, None, "ok"), (21.1, None, "fail"), (None, None, "fail"), (None, "x", "fail")],
)
def test_virtual_time_has_to_be_exact(total, problem, status):
    """A tenth of a second is no rounding."""
    assert virtual.judge_virtual_time(total, problem).status == status


def test_virtual_time_is_what_it_always_was():
    """Played for real, from the settings to the summary; nothing is left behind."""
    assert virtual.virtual_time().status == "ok"
    assert list(Path().iterdir()) == []


def test_a_check_that_breaks_is_a_finding():
    """The others are looked at all the same."""

    def broken() -> Finding:
        raise OSError("no such thing")

    found = list(examine([broken, lambda: machine.judge_cores(4)]))
    assert [one.status for one in found] == ["fail", "ok"]
    assert found[0].finding == "could not be looked at (OSError: no such thing)"


def test_only_what_fails_is_a_failure():
    """Warnings are advice."""
    assert not failed([Finding("a", "ok", ""), Finding("b", "warn", "")])
    assert failed([Finding("a", "ok", ""), Finding("b", "fail", "")])


def test_a_finding_is_a_line_with_its_advice_below():
    """Aligned, failures in capitals."""
    assert line(Finding("cores", "ok", "2")) == "ok    cores         2"
    assert line(Finding("disk", "fail", "full", "make room")).splitlines() == [
        "FAIL  disk          full",
        "                    -> make room",
    ]


def test_a_long_finding_is_broken_between_words():
    """Below its beginning, so that the columns stay."""
    rows = line(Finding("proxies", "warn", "word " * 20, "advice " * 20), 60).splitlines()
    assert max(map(len, rows)) <= 60
    assert len(rows) > 4
    assert all(row.startswith(" " * 20) for row in rows[1:])


def test_the_last_line_says_how_it_stands():
    """What failed by name, or what to do next."""
    good, doubtful, bad = (Finding(status, status, "") for status in ("ok", "warn", "fail"))
    assert conclusion([good, doubtful]) == "2 checks, nothing in the way, 1 warning; next: harness run article"
    assert conclusion([good, bad]) == "1 of 2 checks failed: fail"


def test_every_check_is_shown_and_as_json(harness, monkeypatch):
    """One document, exit 0 while nothing fails, and no secret in it."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    code, out, err = harness("doctor", "--json")
    found = json.loads(out)
    assert (code, err) == (int(not found["ok"]), "")
    assert len(found["findings"]) == len(CHECKS) + 1
    assert SECRET not in out
    assert {one["status"] for one in found["findings"]} <= {"ok", "warn", "fail"}
    assert all(bool(one["advice"]) == (one["status"] != "ok") for one in found["findings"])


@pytest.mark.parametrize(("status", "expected"), [("warn", 0), ("fail", 1)])
def test_what_fails_is_exit_1(capsys, status, expected):
    """A script can ask."""
    assert show([Finding("disk", status, "full", "make room")], as_json=False) == expected
    assert "disk          full" in capsys.readouterr().out
