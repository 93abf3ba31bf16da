"""Words and ids that depend on nothing but a key: equal seeds give equal bytes."""

from __future__ import annotations

from hashlib import blake2b, shake_128

CREATED = 1_700_000_000  # equal seeds give equal bytes, so an answer does not carry the time of day
_WORDS = (
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "indigo", "jasper", "kelp", "lumen"),
    *("maple", "north", "olive", "pearl", "quartz", "raven", "slate", "tulip", "umber", "velvet", "willow", "xenon"),
    *("yarrow", "zephyr", "acorn", "basil", "coral", "dune", "echo", "fern"),
)


_BY_BYTE = [_WORDS[byte % len(_WORDS)] for byte in range(256)]
_SPACED = [f" {word}" for word in _BY_BYTE]


def words(count: int, key: str) -> list[str]:
    """So many words, all but the first with the space before it: the tokens of an answer."""
    digest = shake_128(key.encode()).digest(count)
    found = [_SPACED[byte] for byte in digest]
    found[0] = _BY_BYTE[digest[0]]
    return found


def identifier(key: str) -> str:
    """24 hexadecimal digits."""
    return blake2b(key.encode(), digest_size=12).hexdigest()
