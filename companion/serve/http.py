"""The HTTP door: routes to the service, errors to sentences."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from companion.disk.library import Search
from companion.errors import WhisperSynthError
from companion.serve.guard import MAX_BODY, Guard
from companion.serve.jobs import STATES, OwnOutput, QueueFull
from companion.serve.requests import RequestError
from companion.serve.service import NotFound, Service
from companion.telling.complaints import describe, show_traceback
from presets.errors import PresetError

PROTOCOL = 1
BODY_S = 10.0  # to send a body in
MAX_WAIT_S = 30.0
MAX_LIMIT = 500
KEEP_ALIVE_S = 15.0  # between comments in a quiet event stream
MAX_NUMBER = 2**53

STATUS: tuple[tuple[type[Exception], int], ...] = (
    (RequestError, 400), (NotFound, 404), (QueueFull, 503), (OwnOutput, 409), (WhisperSynthError, 422),
    (PresetError, 422), (OSError, 422),
)  # fmt: skip

Answer = Callable[[Request], Awaitable[Response]]


def make_app(service: Service, port: int, token: str, release: str) -> ASGIApp:
    """The whole application, guard first."""

    async def health(request: Request) -> Response:
        return JSONResponse(
            {"ok": True, "app": "whispersynth", "version": PROTOCOL, "release": release, "pid": os.getpid(),
             "ready": service.runner.ready}
        )  # fmt: skip

    async def status(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(service.status))

    async def post_job(request: Request) -> Response:
        if service.events.closing:
            raise QueueFull("the server is going down; try again in a while")
        job, is_new = await run_in_threadpool(service.submit, await _body(request))
        return JSONResponse({**job.to_json(), "is_new": is_new}, 202 if is_new else 200)

    async def get_jobs(request: Request) -> Response:
        state = request.query_params.get("state", "")
        if state and state not in STATES:
            raise RequestError(f"there is no state {state[:40]!r}; choose from {', '.join(STATES)}")
        limit, before = _whole(request, "limit", 50, MAX_LIMIT), _whole(request, "before", 0, MAX_NUMBER)
        jobs = await run_in_threadpool(service.listed, state, limit, before)
        return JSONResponse({"jobs": [job.to_json() for job in jobs]})

    async def get_job(request: Request) -> Response:
        number, until = _number(request), asyncio.get_running_loop().time() + _seconds(request, "wait")
        while True:
            last = service.events.last
            job = await run_in_threadpool(service.job, number)
            left = until - asyncio.get_running_loop().time()
            if job.has_ended or left <= 0 or service.events.closing:
                return JSONResponse(job.to_json())
            await service.events.wait_async(last, left)

    async def cancel(request: Request) -> Response:
        return JSONResponse((await run_in_threadpool(service.cancel, _number(request))).to_json())

    async def load(request: Request) -> Response:
        body = await _fields(request, rank=int, target=str)
        return JSONResponse(await run_in_threadpool(service.load, _number(request), **body))

    async def install(request: Request) -> Response:
        body = await _fields(request, rank=int)
        return JSONResponse(await run_in_threadpool(service.install, _number(request), **body))

    async def undo(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(service.undo, **await _fields(request, target=str)))

    async def get_library(request: Request) -> Response:
        text = request.query_params.get
        search = Search(
            text("query", ""), text("favourite", "") in ("1", "true"), text("kind", ""), text("source", ""),
            limit=_whole(request, "limit", 50, MAX_LIMIT), before=_whole(request, "before", 0, MAX_NUMBER),
        )  # fmt: skip
        return JSONResponse({"matches": await run_in_threadpool(service.library.search, search)})

    async def get_match(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_match, service, _number(request)))

    async def post_match(request: Request) -> Response:
        body = await _fields(request, favourite=bool, notes=str, rank=int)
        return JSONResponse(await run_in_threadpool(_change_match, service, _number(request), body))

    async def events(request: Request) -> Response:
        after = _whole(request, "after", 0, MAX_NUMBER)
        if "text/event-stream" in request.headers.get("accept", ""):
            after = _last_seen(request, after)
            headers = {"Cache-Control": "no-store"}
            return StreamingResponse(_stream(service, after), headers=headers, media_type="text/event-stream")
        found = await service.events.wait_async(after, _seconds(request, "wait"))
        return JSONResponse({"events": found, "last": service.events.last})

    async def hello(request: Request) -> Response:
        return JSONResponse(service.bridge.hello(await _body(request)))

    async def ask(request: Request) -> Response:
        body = await _fields(request, want=str)
        if body.get("want", "selected") != "selected":
            raise RequestError(
                "a bridge can be asked for 'selected' only; load and undo have routes of their own"
            )
        return JSONResponse(await run_in_threadpool(service.ask_selected))

    async def answer(request: Request) -> Response:
        body = await _fields(request, request=int, ok=bool, text=str)
        if "request" not in body:
            raise RequestError("the field 'request' is missing; give the event's number")
        return JSONResponse(service.bridge.answer(body))

    routes = [
        Route("/health", health),
        Route("/status", status),
        Route("/jobs", get_jobs),
        Route("/jobs", post_job, methods=["POST"]),
        Route("/jobs/{number}", get_job),
        Route("/jobs/{number}/cancel", cancel, methods=["POST"]),
        Route("/jobs/{number}/load", load, methods=["POST"]),
        Route("/jobs/{number}/install", install, methods=["POST"]),
        Route("/undo", undo, methods=["POST"]),
        Route("/library", get_library),
        Route("/library/{number}", get_match),
        Route("/library/{number}", post_match, methods=["POST"]),
        Route("/events", events),
        Route("/bridge/hello", hello, methods=["POST"]),
        Route("/bridge/request", ask, methods=["POST"]),
        Route("/bridge/answer", answer, methods=["POST"]),
    ]
    handlers: Any = {HTTPException: _http_error, ClientDisconnect: _gone, Exception: _error}
    handlers |= {kind: _error for kind, _ in STATUS}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), port, token)


# -- in -----------------------------------------------------------------------------------------------------------


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request; {} for an empty body."""
    try:
        data = await asyncio.wait_for(_bytes(request), BODY_S)
    except TimeoutError:
        raise HTTPException(408, f"the request did not arrive within {BODY_S:g} s; send it again") from None
    if not data:
        return {}
    try:
        body = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise RequestError("the request is not JSON; see docs/protocol.md") from None
    if not isinstance(body, dict):
        raise RequestError("a request is a JSON object; see docs/protocol.md")
    return body


def _no_constant(name: str) -> float:
    raise ValueError(name)


async def _bytes(request: Request) -> bytes:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY:
            raise HTTPException(413, f"the request is too large; keep it under {MAX_BODY // 1024} KiB")
    return bytes(data)


async def _fields(request: Request, /, **kinds: type) -> dict[str, Any]:
    """The body's fields, each of its kind; what is null is left out."""
    body = {key: value for key, value in (await _body(request)).items() if value is not None}
    for key, value in body.items():
        if key not in kinds:
            raise RequestError(f"there is no field {key[:40]!r}; choose from {', '.join(kinds)}")
        if type(value) is not kinds[key]:
            raise RequestError(f"{key} is {str(value)[:40]}; give a {kinds[key].__name__}")
        if isinstance(value, int) and not abs(value) < MAX_NUMBER:
            raise RequestError(f"{key} is out of range")
        if isinstance(value, str) and not _is_unicode(value):
            raise RequestError(f"{key} is not valid Unicode")
    return body


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise RequestError(f"{name} is {text[:40]!r}; give a whole number")
    return min(int(text), most)


def _seconds(request: Request, name: str) -> float:
    try:
        seconds = float(request.query_params.get(name, "0"))
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 3600:
        raise RequestError(f"{name} is no time; give seconds up to {MAX_WAIT_S:g}")
    return min(seconds, MAX_WAIT_S)


def _number(request: Request) -> int:
    text = request.path_params["number"]
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise NotFound("there is nothing of that number")
    return int(text)


def _last_seen(request: Request, after: int) -> int:
    seen = request.headers.get("last-event-id", "")
    return int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 16 else after


# -- out ----------------------------------------------------------------------------------------------------------


async def _stream(service: Service, after: int) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    while True:
        found = await service.events.wait_async(after, KEEP_ALIVE_S)
        for event in found:
            after = event["n"]
            yield f"id: {after}\nevent: {event['type'].replace(' ', '-')}\ndata: {json.dumps(event)}\n\n"
        if service.events.closing:
            return
        if not found:
            yield ": still here\n\n"


def _match(service: Service, number: int) -> dict[str, Any]:
    try:
        return service.library.get(number)
    except WhisperSynthError as error:
        raise NotFound(str(error)) from None


def _change_match(service: Service, number: int, body: Mapping[str, Any]) -> dict[str, Any]:
    _match(service, number)
    if "favourite" in body or "rank" in body:
        service.library.set_favourite(number, body.get("rank", 1) if body.get("favourite", True) else 0)
    if "notes" in body:
        service.library.set_notes(number, body["notes"])
    return service.library.get(number)


async def _error(request: Request, error: Exception) -> Response:
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    if status == 500:
        show_traceback(error)
    headers = {"Retry-After": "2"} if status == 503 else None
    return JSONResponse({"error": describe(error)}, status, headers)


async def _http_error(request: Request, error: HTTPException) -> Response:
    text = {404: "there is no such route; see docs/protocol.md", 405: "this route takes another method"}
    return JSONResponse(
        {"error": text.get(error.status_code, error.detail)}, error.status_code, error.headers
    )


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)
