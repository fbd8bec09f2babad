"""Who may come in: the right Host and Origin (a page elsewhere cannot reach in by DNS rebinding), the token, a small body."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_BODY = 64 * 1024
OPEN_ROUTES = ("/health",)
LOCAL_NAMES = ("127.0.0.1", "localhost")


class Guard:
    """Middleware: lets a request through, or answers 401, 403 or 413."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self.app, self._token = app, token.encode()
        self._hosts = {f"{name}:{port}" for name in LOCAL_NAMES}
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no websockets
        refusal = self._refusal(scope)
        if refusal is not None:
            await JSONResponse({"error": refusal[1]}, refusal[0])(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        if headers.getlist("host") != [headers.get("host")] or headers.get("host") not in self._hosts:
            return 403, "this address is for programs on this machine; use http://127.0.0.1 with the port"
        if not _all_in(headers.getlist("origin"), self._origins):
            return 403, "pages from elsewhere may not use this address"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "pages from elsewhere may not use this address"
        if scope["path"] not in OPEN_ROUTES and not self._knows(headers.get("authorization", "")):
            return 401, "the token is missing or wrong; it stands in serve.json in the data folder"
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length[:12]) > MAX_BODY:
            return 413, f"the request is too large; keep it under {MAX_BODY // 1024} KiB"
        return None

    def _knows(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode("utf-8", "replace"), self._token
        )


def _all_in(values: Iterable[str], allowed: set[str]) -> bool:
    return all(value in allowed for value in values)
