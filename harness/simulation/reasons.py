"""What the simulation does not know."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.faults import Fault
from harness.faults.base import Duration
from harness.faults.stalls import HangBeforeHeaders, HeadersThenSilence, RoleOnlyPrelude, Stall
from harness.profiles import Profile
from harness.simulation.sampling import sample
from harness.strategies import OFF, Strategy
from harness.strategies.hedges import Hedge
from harness.strategies.restarts import Luby, Restart

#: Faults that are nothing but a delay of the first content.
_SILENT = (HangBeforeHeaders, HeadersThenSilence, RoleOnlyPrelude)
_BEFORE_CONTENT = {"before_headers", "after_headers", "after_role"}


def why_not(strategy: Strategy) -> str | None:
    """Why a strategy cannot be simulated, as a clause; None when it can."""
    if not isinstance(strategy, Restart | Luby | Hedge):
        return "only the kinds restart, luby and hedge do not learn from other requests"
    reasons = {
        "its starts are staggered": strategy.stagger_s > 0,
        "its requests come of themselves": strategy.dispatch == "open",
        f"dispatch {strategy.dispatch} adapts to what comes back": strategy.dispatch not in {"gather", "window"},
        "budgets and breakers are shared by all requests": strategy.retry_budget
        or strategy.breaker
        or strategy.hedge_budgets,
        "without streaming its timers wait for the whole answer": not strategy.stream,
        "its last attempt has other timers than the rest": strategy.patient,
        "it has a timer of its own for the headers": strategy.headers_timeout not in {None, OFF},
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def why_not_profile(profile: Profile) -> str | None:
    """Why a profile cannot be simulated, as a clause; None when it can."""
    if not profile.load.is_unlimited:
        return "how fast it answers depends on how much is asked of it at once"
    return next((reason for fault in profile.faults if (reason := _why_not_fault(fault))), None)


def _why_not_fault(fault: Fault) -> str | None:
    if fault.sticky != "attempt" or fault.first_attempts is not None or fault.every is not None:
        return f"its fault {fault.name} chooses whom it meets"
    if isinstance(fault, Stall) and fault.position in _BEFORE_CONTENT:
        return None
    return None if isinstance(fault, _SILENT) else f"its fault {fault.name} is more than a silence before the content"


def delay_of(fault: Fault, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """So many draws of how long a silence lasts, in seconds."""
    duration: Duration = getattr(fault, "duration", "forever")
    return np.full(count, np.inf) if duration == "forever" else sample(duration, count, rng)
