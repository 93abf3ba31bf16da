"""HTTP/1.1 on asyncio's own protocols: answers are stamped when their bytes come in, and read when there is time."""

from harness.openai_adapter.http1.transport import AsyncioTransport

__all__ = ["AsyncioTransport"]
