"""Random numbers by hashing: the same key gives the same draw, in any order, process or Python."""

from __future__ import annotations

import random
from hashlib import blake2b

_SCALE = 2.0**-53
_LARGEST = 1 - _SCALE


def uniform(seed: int, request: str, attempt: int, field: str) -> float:
    """A number in the open interval (0, 1) that depends on nothing but its four keys.

    Counter-based generation as in Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC'11), with BLAKE2b
    as the mixing function: 53 bits of the digest, shifted by half a step so that neither 0 nor 1 occurs.
    """
    digest = blake2b(f"{seed}\x1f{request}\x1f{attempt}\x1f{field}".encode(), digest_size=8).digest()
    # Adding the half rounds the very largest integer up to 1.
    return min(((int.from_bytes(digest, "big") >> 11) + 0.5) * _SCALE, _LARGEST)


def unique_name() -> str:
    """A name for a request that has none, by Python's own generator: seeded, a program's requests have equal names."""
    return f"{random.getrandbits(64):x}"


def whole_number(name: str) -> int:
    """An integer from 0 that depends on nothing but a name."""
    return int.from_bytes(blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "big")
