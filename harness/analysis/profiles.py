"""How the servers of a run behaved, read from its folder."""

from __future__ import annotations

from harness.profiles import Profile
from harness.storage import RunFolder


def profiles_of(folder: RunFolder) -> dict[str, Profile]:
    """The profiles that a run's mock played, by name, in unscaled time; empty for a real API.

    Runs of before the manifest held them have that of their settings.
    """
    manifest = folder.manifest()
    plain = manifest["profiles"] if "profiles" in manifest else [folder.config().get("profile")]
    return {fields["name"]: Profile.from_dict(fields) for fields in plain if fields}
