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
    """Two lines about times and one per fault."""
    found = members("profile")
    assert len(found) >= 9
    for path in found.values():
        profile = Profile.from_dict(load(path))
        assert len(describe(profile)) == 2 + len(profile.faults)
