"""Who may come in. A door is plain ASGI around the whole agent, so that no route can forget it and no stream is buffered."""

import hmac
import json
from collections import Counter
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Check = Callable[[Headers], bool]

# Health and counters are for whoever runs the agent; they say nothing about its callers.
ALWAYS_OPEN = frozenset({"/healthz", "/metrics"})


class Door:
    """Lets a request in if `check` accepts its headers or its path is `open_paths`; answers 401 with `challenge` if not."""

    def __init__(self, app: ASGIApp, check: Check, challenge: str, open_paths: frozenset[str]) -> None:
        self._app = app
        self._check = check
        self._challenge = challenge
        self._open = open_paths | ALWAYS_OPEN
        self.counts: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in self._open:
            self.counts["open"] += scope["path"] not in ALWAYS_OPEN
            await self._app(scope, receive, send)
        elif self._check(Headers(scope=scope)):
            self.counts["admitted"] += 1
            await self._app(scope, receive, send)
        else:
            self.counts["refused"] += 1
            await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        body = json.dumps({"error": "unauthorized", "message": "this agent needs a credential"}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"www-authenticate", self._challenge.encode()),
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def api_key(header: str, key: str) -> Check:
    """Accepts the one key, compared in constant time."""

    def check(headers: Headers) -> bool:
        return hmac.compare_digest(headers.get(header, "").encode(), key.encode())

    return check
