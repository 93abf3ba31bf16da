"""A profile in lines for a person."""

from harness.config.files import load, members
from harness.profiles import Profile
from harness.profiles.describe import describe


def test_times_and_faults_are_named():
    """Quantiles of the healthy answer, then a line per fault with what was set."""
    profile = Profile.from_dict(
        {
            "name": "p",
            "headers": 2.0,
            "between_tokens": 0.5,
            "output_tokens": 3,
            "faults": [
                {"kind": "stall", "probability": 0.0158, "duration": {"kind": "loguniform", "low": 6, "high": 55}},
                {"kind": "keepalive_comments", "probability": 0.25, "sticky": "prompt"},
            ],
        }
    )
    assert describe(profile) == [
        "first token   p50 2.00 s, p95 2.00 s, p99 2.00 s",
        "whole answer  p50 3.00 s, p95 3.00 s, p99 3.00 s, 3 tokens",
        "   1.58%      stall: position before_headers, duration loguniform (low 6.0, high 55.0)",
        "  25.00%      keepalive_comments: duration forever, every_s 5.0, for the same prompts always",
    ]


def test_every_packaged_profile_can_be_described():
    """Two lines about times, one per fault, and those about its limits."""
    # What `recorded` will do is in a file of the user's.
    found = {name: path for name, path in members("profile").items() if name != "recorded"}
    assert len(found) >= 17
    limits = {"overload": 3, "rate_limited": 1}
    for name, path in found.items():
        profile = Profile.from_dict(load(path))
        assert profile.name == name
        assert len(describe(profile)) == 2 + len(profile.faults) + limits.get(name, 0)


def test_whom_a_fault_meets_is_told():
    """Connections, windows, first attempts, one request in so many; and what load does."""
    shared = {"kind": "html_200", "probability": 0.1}
    profile = Profile.from_dict(
        {
            "name": "p",
            "faults": [
                shared | {"sticky": "connection"},
                shared | {"sticky": "window", "window_s": 30},
                shared | {"first_attempts": 2, "every": 10},
                shared | {"after": {"kind": "empirical", "times": [1, 2, 9]}},
            ],
            "load": {
                "slots": 4,
                "queue": 9,
                "overflow": 503,
                "contention": 0.1,
                "tokens_per_minute": 60,
                "on_cancel": 2,
            },
        }
    )
    assert describe(profile)[2:] == [
        "  10.00%      html_200: after constant (value 0.0), for whole connections",
        "  10.00%      html_200: after constant (value 0.0), for whole windows of 30.0 s",
        "  10.00%      html_200: after constant (value 0.0), only in the first 2 attempts of a request, "
        "only for one request in 10",
        "  10.00%      html_200: after empirical (times 3 from 1.0 to 9.0)",
        "slots         4 at once, a queue of 9, then 503",
        "slow-down     contention 0.1, coherency 0",
        "limits        60 tokens a minute, then 429",
        "cancellation  frees a slot after 2 s",
    ]
