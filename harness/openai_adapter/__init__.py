"""The real SDK, with every HTTP attempt that it makes on record."""

from harness.openai_adapter.client import Endpoint, RecordingClient, limits, open_client
from harness.openai_adapter.direct import DirectTransport
from harness.openai_adapter.ending import watched
from harness.openai_adapter.trace import Trace, current_mark, current_trace

__all__ = [
    "DirectTransport",
    "Endpoint",
    "RecordingClient",
    "Trace",
    "current_mark",
    "current_trace",
    "limits",
    "open_client",
    "watched",
]
