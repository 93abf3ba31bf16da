"""What a cell's combination makes of the workload, and the workload of the cell's strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from harness.config.errors import validation_error
from harness.errors import UserError
from harness.strategies import Strategy
from harness.workload import Workload
from harness.workload.arrivals import AnyArrivals, Arrivals

NO_BATCHES = (
    "dispatch=gather awaits batches, and with workload.arrivals there are none: "
    "leave it out for no limit, or use dispatch=window, aimd or gradient for one"
)
_ARRIVALS: TypeAdapter[Arrivals] = TypeAdapter(AnyArrivals, config=ConfigDict(defer_build=True))

Combination = Mapping[str, Any]


def at_rate(workload: Workload, combination: Combination) -> Workload:
    """The workload at the rate that the axis `rate` gives, if there is one. Raises UserError."""
    if "rate" not in combination:
        return workload
    if workload.arrivals is None or not hasattr(workload.arrivals, "rate"):
        raise UserError(
            "matrix.rate needs arrivals that have one: workload=poisson, or workload.arrivals.kind=constant"
        )
    try:
        arrivals = _ARRIVALS.validate_python(asdict(workload.arrivals) | {"rate": combination["rate"]})
    except ValidationError as error:
        raise validation_error(error, "matrix", type(workload.arrivals)) from None
    changed = replace(workload, arrivals=arrivals)
    changed.check()
    return changed


def released(strategy: Strategy, workload: Workload, combination: Combination) -> Strategy:
    """The strategy as it releases the requests of a workload: without batches, one that awaits them has no limit.

    Raises UserError where it cannot.
    """
    if workload.arrivals is None:
        if strategy.dispatch == "open":
            raise UserError(
                "dispatch=open needs workload.arrivals, such as workload=poisson: they say when requests begin"
            )
        if workload.warmup and strategy.dispatch == "gather":
            raise UserError(
                "workload.warmup needs a client that lasts, and dispatch=gather opens one for each batch: "
                "use dispatch=window, or workload.arrivals"
            )
        return strategy
    if combination.get("dispatch") == "gather":
        raise UserError(NO_BATCHES)
    if strategy.stagger_s:
        raise UserError("stagger_s spreads the starts of a batch or a window; with workload.arrivals there is neither")
    return replace(strategy, dispatch="open") if strategy.dispatch == "gather" else strategy


def batch_size(workload: Workload, combination: Combination) -> int:
    """How many requests of a cell are awaited together: in the open loop all of them. Raises UserError."""
    total = len(workload)
    if workload.arrivals is not None:
        if "batch_size" in combination:
            raise UserError("matrix.batch_size has no effect: with workload.arrivals there are no batches")
        return total
    size = combination.get("batch_size", workload.batch_size)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= total:
        raise UserError(f"matrix.batch_size: {size!r} is not between 1 and the workload's {total} requests")
    return size
