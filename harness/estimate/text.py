"""An estimate in a few lines, however many cells there are."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any

from harness.estimate import Duration, Estimate, Matrix

#: Axes that get a line of their own.
AXES = 4


def lines(estimate: Estimate, columns: int | None = None) -> list[str]:
    """The axes, what is sent, what it costs, how long it takes; lines of values are cut to so many columns."""
    room = (columns or 100) - 4 - max([len("reference"), *(len(axis) for axis in [*estimate.matrix.axes][:AXES])])
    rows = _matrix(estimate.matrix, estimate.reference, room)
    if estimate.profile is not None:
        rows.append(("profile", estimate.profile))
    if estimate.trials != estimate.most_trials:
        rows.append(("trials", f"{estimate.trials} at first, {estimate.most_trials:,} at most"))
    rows += [("attempts", _attempts(estimate)), *_pool(estimate), *_tokens(estimate)]
    rows.append(("takes", _takes(estimate.duration, estimate)))
    width = max(len(label) for label, _ in rows)
    found = [f"  {label:<{width}}  {text}" for label, text in rows]
    return [_folded(line, columns, width + 4) for line in found]


def _folded(line: str, columns: int | None, indent: int) -> str:
    """A line, broken between words where a terminal would break within them."""
    if columns is None or len(line) <= columns:
        return line
    return fill(line, columns, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _matrix(matrix: Matrix, reference: str, columns: int) -> list[tuple[str, str]]:
    axes = list(matrix.axes.items())
    shown = [(axis, _values(values, columns)) for axis, values in axes[:AXES]]
    if len(axes) > AXES:
        shown.append(("", f"and {len(axes) - AXES} more axes: {', '.join(axis for axis, _ in axes[AXES:])}"))
    if matrix.excluded or matrix.included:
        shown.append(("cells", f"{matrix.cells}: {matrix.excluded} excluded, {matrix.included} included"))
    if matrix.cells > 1:
        shown.append(("reference", reference))
    return shown


def _values(values: Sequence[Any], columns: int) -> str:
    """As many values as fit, and how many there are where some do not."""
    words = [_word(value) for value in values]
    whole = ", ".join(words)
    if len(whole) <= columns:
        return whole
    ending = f", … ({len(words)} values)"
    shown = words[:1]
    for word in words[1:]:
        if len(", ".join([*shown, word])) + len(ending) > columns:
            break
        shown.append(word)
    return ", ".join(shown) + ending


def _word(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _attempts(estimate: Estimate) -> str:
    found = estimate.attempts
    some = "at least" if found.is_least else "about"
    return f"{found.requests:,} requests: {some} {found.expected:,} expected, at most {found.most:,} (retries multiply)"


def _pool(estimate: Estimate) -> list[tuple[str, str]]:
    found = estimate.pool
    if found is None:
        return []
    where = f" of cell {found.cell}" if estimate.matrix.cells > 1 else ""
    limit = f"{found.connections:,} connections, the SDK's own limit, for {found.wanted:,} attempts at once{where}"
    advice = "the rest wait in the client; strategy.max_connections=auto has one for each"
    return [("pool", f"{limit}: {advice}")]


def _tokens(estimate: Estimate) -> list[tuple[str, str]]:
    used = estimate.tokens
    if estimate.target == "mock" and estimate.cost is None:
        return []
    if used.output_expected is None:
        rows = [("tokens", "output is not limited; set workload.max_tokens")]
    else:
        some = "at least" if estimate.attempts.is_least else "about"
        rows = [
            ("tokens", f"{some} {used.output_expected:,} output tokens expected, at most {used.output_most:,}"),
        ]
    if estimate.cost is None:
        advice = "set budget.price.input and budget.price.output, dollars for a million tokens"
        return [*rows, ("cost", f"not known; {advice}")]
    if estimate.cost.expected is None or estimate.cost.most is None:
        return [*rows, ("cost", "not limited, as the tokens are not")]
    some = "at least" if estimate.attempts.is_least else "about"
    money = f"{some} {dollars(estimate.cost.expected)} expected, at most {dollars(estimate.cost.most)}"
    return [*rows, ("cost", money)]


def _takes(found: Duration, estimate: Estimate) -> str:
    if found.seconds is None:
        return f"not known beforehand: {found.why_not}"
    about = f"about {span(found.seconds)}"
    if estimate.trials != estimate.most_trials:
        about += f" for the first {estimate.trials} trials"
    if estimate.clock == "virtual":
        many = f"{found.processes} processes" if found.processes > 1 else "one process"
        return f"{about}, in {many}: virtual time costs no waiting"
    if found.processes > 1:
        about += f" in {found.processes} processes"
    if found.why_not:
        return f"{about} for {found.cells} of {estimate.matrix.cells} cells; not known for the rest: {found.why_not}"
    return f"{about}, in real time"


def span(seconds: float) -> str:
    """Seconds as one would say them: two digits of them are more than is known."""
    if seconds < 90:
        return f"{max(1, round(seconds, -1) if seconds > 20 else round(seconds)):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 10 * 3600 else f"{seconds / 3600:,.0f} h"


def dollars(amount: float) -> str:
    """An amount of money; cents are rounded to two digits that count."""
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.2g}"
