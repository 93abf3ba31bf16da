"""What ASGI costs without any mock behind it: 16 chunks or one body, whatever is asked. Served by granian."""

CHUNK = b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"word"}}]}\n\n'
PLAIN = b'{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"content":"' + b"word " * 16 + b'"}}]}'


async def app(scope, receive, send):
    """Read the body, see whether it asks for a stream, answer."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    stream = b'"stream":true' in body
    kind = b"text/event-stream" if stream else b"application/json"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    for _ in range(16 if stream else 0):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n" if stream else PLAIN})
