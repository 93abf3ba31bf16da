"""A profile draws the script of every attempt; a fault edits it."""

import math
import os
import statistics
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml
from pydantic import ValidationError

from harness.config.files import members
from harness.profiles import Profile

STREAMED = {"name": "p", "headers": 1.0, "first_content": 2.0, "between_tokens": 0.5, "end": 0.25, "output_tokens": 3}
HEALTHY = [
    ("headers", 1.0), ("role", 3.0), ("token", 3.0), ("token", 3.5), ("token", 4.0),
    ("finish", 4.25), ("usage", 4.25), ("done", 4.25), ("end", 4.25),
]  # fmt: skip


def packaged(name: str) -> Profile:
    return Profile.from_dict(yaml.safe_load(members("profile")[name].read_text()))


def timeline(profile: Profile, **kwargs) -> list[tuple[str, float]]:
    return [(event.name, event.at_s) for event in profile.script(0, "r", 1, **kwargs).events]


def stalled(**stall) -> Profile:
    return Profile.from_dict(STREAMED | {"faults": [{"kind": "stall", "probability": 1.0, "duration": 10.0, **stall}]})


def test_a_script_adds_up_its_times():
    """Headers, first content, tokens and end follow one another; the role comes with the first content."""
    assert timeline(Profile.from_dict(STREAMED)) == HEALTHY


def test_without_streaming_everything_leaves_at_the_end():
    """No byte before the whole answer is done."""
    assert timeline(Profile.from_dict(STREAMED), stream=False) == [("headers", 4.25), ("done", 4.25), ("end", 4.25)]


def test_a_request_can_limit_the_tokens():
    """The length of the answer is the request's, if it says so."""
    names = [name for name, _ in timeline(Profile.from_dict(STREAMED), tokens=7)]
    assert names.count("token") == 7


@pytest.mark.parametrize(
    ("position", "first_moved"),
    [
        ({"position": "before_headers"}, 0), ({"position": "after_headers"}, 1),
        ({"position": "after_tokens", "tokens": 2}, 4), ({"position": "after_tokens", "tokens": 99}, 5),
    ],
)  # fmt: skip
def test_a_stall_moves_exactly_what_comes_after_it(position, first_moved):
    """What was sent before the stall stays; all the rest is 10 s later."""
    expected = [(name, at + 10 * (i >= first_moved)) for i, (name, at) in enumerate(HEALTHY)]
    assert timeline(stalled(**position)) == expected


def test_a_stall_for_ever_never_ends():
    """Its events are planned for infinity, so that nothing waits for a large number by mistake."""
    times = [at for _, at in timeline(stalled(duration="forever", position="after_headers"))]
    assert times[0] == 1.0
    assert set(times[1:]) == {math.inf}


def test_a_stall_delays_a_plain_answer_wherever_it_is():
    """Without streaming a stall after two tokens holds back the headers."""
    assert timeline(stalled(position="after_tokens", tokens=2), stream=False)[0] == ("headers", 14.25)


def test_the_fault_is_named_in_the_script():
    """The log can say which attempts were stalled."""
    assert stalled().script(0, "r", 1).fault == "stall"
    assert Profile.from_dict(STREAMED).script(0, "r", 1).fault is None


def test_scripts_do_not_depend_on_order():
    """Drawing backwards gives the same scripts."""
    article = packaged("article")
    forwards = [article.script(7, str(i), 1) for i in range(200)]
    backwards = [article.script(7, str(i), 1) for i in reversed(range(200))]
    assert forwards == backwards[::-1]


def test_scripts_do_not_depend_on_the_hash_seed():
    """Two processes with other hash seeds draw the same times."""
    code = (
        "import yaml; from harness.profiles import Profile; from harness.config.files import members\n"
        "p = Profile.from_dict(yaml.safe_load(members('profile')['article'].read_text()))\n"
        "print([p.script(3, str(i), 2).end_s for i in range(50)])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_attempts_are_independent_of_each_other():
    """A retry of a stalled request is drawn anew."""
    article = packaged("article")
    stuck = [i for i in range(2000) if article.script(0, str(i), 1).fault]
    again = [i for i in stuck if article.script(0, str(i), 2).fault]
    assert len(stuck) > 15
    assert len(again) < len(stuck) / 4


def test_the_article_profile_has_the_calibrated_rates():
    """1.58 % stall, 0.1 % never answer, the median attempt takes 0.9 s; within four standard deviations of 20,000."""
    n = 20_000
    article = packaged("article")
    scripts = [article.script(11, str(i), 1) for i in range(n)]
    never = sum(script.end_s == math.inf for script in scripts)
    some = sum(script.fault is not None for script in scripts) - never
    assert abs(some / n - 0.0158) < 4 * math.sqrt(0.0158 / n)
    assert abs(never / n - 0.001) < 4 * math.sqrt(0.001 / n)
    assert statistics.median(script.end_s for script in scripts) == pytest.approx(0.9, rel=0.02)


def test_the_long_answer_takes_21_s():
    """First token after 1 s, the hundredth 19.8 s later, the end after 21 s."""
    events = packaged("long_answer").script(0, "r", 1).events
    tokens = [event.at_s for event in events if event.name == "token"]
    assert (len(tokens), tokens[0], round(events[-1].at_s, 9)) == (100, 1.0, 21.0)


@pytest.mark.parametrize(
    ("name", "p50", "p95", "p99"), [("gpt_4o", 0.639, 1.144, 4.52), ("gpt_4_1", 0.726, 1.220, 1.95)]
)
def test_profiles_of_models_have_the_probed_quantiles(name, p50, p95, p99):
    """Within 10 % at the median, 25 % at p95, 45 % at p99, of which 288 probes know little."""
    headers = packaged(name).headers
    times = sorted(headers.quantile((i + 0.5) / 20_000) for i in range(20_000))
    assert times[10_000] == pytest.approx(p50, rel=0.1)
    assert times[19_000] == pytest.approx(p95, rel=0.25)
    assert times[19_800] == pytest.approx(p99, rel=0.45)


def test_a_bad_day_has_a_fifth_of_attempts_stuck():
    """And an ordinary one 0.28 %, answered by a gateway; within four standard deviations of 20,000."""
    for name, rate in (("incident", 0.2), ("gateway_502", 0.0028)):
        profile = packaged(name)
        share = sum(profile.script(1, str(i), 1).fault is not None for i in range(20_000)) / 20_000
        assert abs(share - rate) < 4 * math.sqrt(rate / 20_000)


def test_calm_is_the_article_without_its_stalls():
    """The same body, so that the two can be compared draw by draw."""
    article, calm = packaged("article"), packaged("calm")
    assert replace(article, name="calm", description=calm.description, faults=()) == calm


def test_instant_takes_no_time():
    """It measures the client and the harness."""
    assert packaged("instant").script(0, "r", 1).end_s == 0


def test_scaling_scales_every_event():
    """time_scale=0.5 halves each time of each script, stalls included."""
    article = packaged("article")
    for i in range(300):
        whole, half = article.script(0, str(i), 1), article.scaled(0.5).script(0, str(i), 1)
        assert [e.at_s / 2 for e in whole.events] == pytest.approx([e.at_s for e in half.events])


def test_a_profile_survives_the_way_through_json():
    """The mock in another process gets the same profile."""
    import json

    article = packaged("article")
    assert Profile.from_dict(json.loads(json.dumps(article.to_dict()))) == article


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"faults": [{"kind": "stall", "probability": 0.6, "duration": 1}] * 2}, "1.2 together, more than 1"),
        ({"faults": [{"kind": "stall", "probability": 1, "duration": 1, "position": "after_tokens"}]}, "tokens: 1 or"),
        ({"faults": [{"kind": "stall", "probability": 0.6, "duration": 1, "position": "sideways"}]}, "before_headers"),
        ({"faults": [{"kind": "stall", "probability": 0.6, "duration": "always"}]}, "forever"),
        ({"faults": [{"kind": "stal", "probability": 0.6, "duration": 1}]}, "stall"),
        ({"output_tokens": 0}, "greater than or equal to 1"),
        ({"output_tokens": 131_073}, "less than or equal to 131072"),
        ({"header": 1.0}, "header"),
    ],
)  # fmt: skip
def test_impossible_profiles_are_refused(change, complaint):
    """Nothing is played from settings that make no sense."""
    with pytest.raises(ValidationError, match=complaint):
        Profile.from_dict(STREAMED | change)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("gpt_4o_mini", (0.536, 0.844, 4.461)),
        ("gemini_2_5_flash", (0.477, 0.776, 1.309)),
        ("claude_haiku_4_5", (0.541, 1.591, 4.117)),
        ("claude_opus_4_6", (1.626, 2.420, 3.797)),
        ("gpt_4_1", (0.726, 1.220, 1.95)),
        ("gpt_4o", (0.639, 1.144, 4.52)),
        ("gpt_5_mini", (6.34, 17.8, None)),
        ("gpt_5_4", (0.689, 1.723, None)),
    ],
)
def test_profiles_of_todays_models_have_their_published_quantiles(name, published):
    """p50, p95 and p99 of 20,000 drawn times to first content, as probed in the field."""
    profile = packaged(name)
    times = sorted(profile.headers.quantile((i + 0.5) / 20_000) for i in range(20_000))
    for quantile, expected in zip((0.5, 0.95, 0.99), published, strict=True):
        if expected is not None:
            assert times[int(quantile * 20_000)] == pytest.approx(expected, rel=0.12)
