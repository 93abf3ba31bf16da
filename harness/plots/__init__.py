"""One class per chart: `applies` says when it makes sense, `prepare` is pure, `draw` only draws."""

from harness.plots.base import Chart, Data, charts_for, save, save_data
from harness.plots.batches import BatchTimings
from harness.plots.cost import CostAndSpeed
from harness.plots.faults import FaultMatrix
from harness.plots.grid import Grid
from harness.plots.rates import RateSweep
from harness.plots.sweeps import BatchSizeSweep, TimeoutSweep
from harness.plots.tail import LatencyTail, TtftTail
from harness.plots.timeline import Timeline
from harness.plots.totals import TotalsAndSpeedup

__all__ = [
    "BatchSizeSweep",
    "BatchTimings",
    "Chart",
    "CostAndSpeed",
    "Data",
    "FaultMatrix",
    "Grid",
    "LatencyTail",
    "RateSweep",
    "Timeline",
    "TimeoutSweep",
    "TotalsAndSpeedup",
    "TtftTail",
    "charts_for",
    "save",
    "save_data",
]
