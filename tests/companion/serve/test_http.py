"""The HTTP door: who is let in, what is answered, and that nothing a client sends ends it."""

from __future__ import annotations

import http.client
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from companion.serve.client import Client, Refused
from companion.serve.places import Places
from companion.serve.server import Server

Clip = Callable[..., Path]
ROUTES = ("/health", "/status", "/jobs", "/jobs/1", "/jobs/1/load", "/jobs/1/cancel", "/undo", "/library", "/library/1",
          "/events", "/bridge/hello", "/bridge/answer", "/bridge/request", "/nowhere")  # fmt: skip


def ask(server: Server, method: str, route: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    sent = {"Authorization": f"Bearer {server.token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
    connection.request(
        method, route, body if isinstance(body, (bytes, type(None))) else json.dumps(body), sent
    )
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, json.loads(data) if data else None


def test_health_is_open_and_everything_else_needs_the_token(server: Server) -> None:
    assert ask(server, "GET", "/health", Authorization="")[0] == 200
    for route in ROUTES[1:]:
        for token in ("", "Bearer", "Bearer x", f"Basic {server.token}", "Bearer é"):
            assert ask(server, "GET", route, Authorization=token)[0] == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1", "[::1]:8765", "127.0.0.1:1", ""]
)
def test_a_name_that_is_not_this_machine_is_refused(server: Server, host: str) -> None:
    assert ask(server, "GET", "/health", Host=host)[0] == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8765", "http://127.0.0.1:1", "file://"]
)
def test_a_page_from_elsewhere_is_refused(server: Server, origin: str) -> None:
    assert ask(server, "GET", "/health", Origin=origin)[0] == 403
    assert ask(server, "POST", "/undo", {}, Origin=origin)[0] == 403


def test_its_own_page_is_not(server: Server) -> None:
    assert ask(server, "GET", "/health", Origin=server.url)[0] == 200
    assert ask(server, "GET", "/health", sec_fetch_site="cross-site")[0] == 403


def test_it_listens_on_this_machine_alone(server: Server) -> None:
    assert server._socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("method", "route", "body", "status"),
    [("POST", "/jobs", {}, 400), ("POST", "/jobs", b"not json", 400), ("POST", "/jobs", b"[" * 9999, 400),
     ("POST", "/jobs", b"x" * 70_000, 413), ("POST", "/jobs", {"path": "/nowhere.wav"}, 422),
     ("POST", "/jobs", {"path": "/dev/zero"}, 422), ("POST", "/jobs", {"path": "/"}, 422),
     ("POST", "/jobs", b'{"path": "/a", "gain_db": NaN}', 400), ("GET", "/jobs/7", None, 404),
     ("GET", "/jobs/x", None, 404), ("GET", "/jobs?limit=-1", None, 400), ("GET", "/jobs?state=x", None, 400),
     ("GET", "/events?wait=x", None, 400), ("POST", "/jobs/1/load", {"rank": "1"}, 400), ("DELETE", "/jobs", None, 405),
     ("GET", "/nowhere", None, 404), ("POST", "/undo", {}, 422), ("GET", "/library/9", None, 404),
     ("POST", "/bridge/answer", {}, 400), ("POST", "/jobs", {"path": "/a", "options": {"synth": "moog"}}, 422)],
)  # fmt: skip
def test_what_makes_no_sense_is_a_sentence(
    server: Server, method: str, route: str, body: Any, status: int
) -> None:
    answered, answer = ask(server, method, route, body)
    assert answered == status and len(answer["error"]) > 15 and "\n" not in answer["error"]


def test_a_full_queue_says_so(
    server: Server, client: Client, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.service.jobs, "bound", 1)
    client.submit(str(clip("slow")))
    with pytest.raises(Refused, match="waiting already") as refused:
        client.submit(str(clip("b")))
    assert refused.value.status == 503


def test_progress_is_told_as_it_comes(client: Client, clip: Clip) -> None:
    number = client.submit(str(clip("slow")))["id"]
    seen = []
    for event in client.events():
        if event["type"] == "job" and event["job"]["id"] == number:
            seen.append((event["job"]["state"], event["job"]["progress"]))
            if event["job"]["state"] == "done":
                break
    assert [state for state, _ in seen[:1] + seen[-1:]] == ["queued", "done"]
    shares = [share for _, share in seen]
    assert shares == sorted(shares) and len(shares) > 5


def test_the_stream_goes_on_where_it_was_left(server: Server, client: Client, clip: Clip) -> None:
    client.wait(client.submit(str(clip()))["id"], 60)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Authorization": f"Bearer {server.token}", "Accept": "text/event-stream", "Last-Event-ID": "2"}
    connection.request("GET", "/events", headers=headers)
    stream = connection.getresponse()
    lines = [stream.readline().decode().strip() for _ in range(4)]
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert "id: 3" in lines and "event: job" in lines
    connection.close()


def test_the_library_is_searched_and_written_to(client: Client, clip: Clip) -> None:
    for name in ("snare", "bass"):
        client.wait(client.submit(str(clip(name)))["id"], 60)
    (snare,) = client.call("GET", "/library?query=snare")["matches"]
    changed = client.call(
        "POST", f"/library/{snare['id']}", {"favourite": True, "rank": 2, "notes": "for the drop"}
    )
    assert changed["favourite"] == 2 and changed["notes"] == "for the drop"
    assert [m["name"] for m in client.call("GET", "/library?favourite=1")["matches"]] == ["snare"]
    assert [m["name"] for m in client.call("GET", "/library?query=drop")["matches"]] == ["snare"]
    assert not client.call("GET", "/library?query=100%25")["matches"]


# -- a bridge -----------------------------------------------------------------------------------------------------


def test_loads_go_to_a_bridge_that_is_there(client: Client, clip: Clip) -> None:
    number = client.wait(client.submit(str(clip()))["id"], 60)["id"]
    after = client.call("POST", "/bridge/hello", {"app": "live"})["events"]

    def bridge() -> None:
        for event in client.events(after):
            if event["type"] == "bridge":
                told = {"request": event["n"], "ok": True, "text": f"{event['want']} done"}
                client.call("POST", "/bridge/answer", told)
                if event["want"] == "undo":
                    return

    thread = threading.Thread(target=bridge)
    thread.start()
    loaded = client.call("POST", f"/jobs/{number}/load", {})
    assert (loaded["target"], loaded["loaded"], loaded["text"]) == ("live", True, "load done")
    undone = client.call("POST", "/undo", {})
    assert (undone["target"], undone["undone"]) == ("live", True)
    assert client.call("POST", "/bridge/request", {"want": "selected"})["via"] == "bridge"
    thread.join(5)
    assert not thread.is_alive()


# -- whatever comes -----------------------------------------------------------------------------------------------


def send_raw(port: int, data: bytes, reset: bool = False) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        if reset:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            raw.sendall(data)
            if not reset:
                raw.shutdown(socket.SHUT_WR)
                raw.settimeout(1.0)
                raw.recv(4096)
        except OSError:
            pass


def mutated(rng: random.Random, token: str, port: int) -> bytes:
    """A request, or something that was one."""
    method = rng.choice(["GET", "POST", "PUT", "OPTIONS", "X" * rng.randrange(1, 99), ""])
    route = rng.choice(ROUTES) + rng.choice(
        ["", "?after=9" * 3, "/../..", "%00", "?wait=-1", "?limit=" + "9" * 30, "\xff"]
    )
    key = rng.choice(["path", "options", "rank", "name", "key", "\\ud800", "a" * 200])
    value = rng.choice(
        ["null", "1e999", "-1", '"/tmp"', "[[[[]]]]", "{}", '"\\u0000"', "true", '"' + "é" * 5000 + '"', "}"]
    )
    body = f'{{"{key}": {value}}}'.encode()
    length = rng.choice([len(body), len(body), len(body), 0, 10**9, -1])
    head = f"{method} {route} HTTP/1.{rng.choice('0112')}\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
    data = bytearray(head.encode("latin-1") + f"Content-Length: {length}\r\n\r\n".encode() + body)
    for _ in range(rng.choice([0, 0, 0, 1, 5])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data[: rng.choice([len(data), len(data), rng.randrange(1, len(data))])])


def test_nothing_a_client_sends_ends_it(server: Server, client: Client, clip: Clip) -> None:
    rng = random.Random(0)
    kinds = (
        lambda: rng.randbytes(rng.randrange(1, 3000)),
        lambda: mutated(rng, server.token, server.port),
        lambda: mutated(rng, server.token, server.port),
        lambda: b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * rng.randrange(1, 9000),
        lambda: b"POST /jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"ffffffff\r\n" + b"x" * 999,
    )
    for _ in range(250):
        send_raw(server.port, rng.choice(kinds)(), reset=rng.random() < 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for _ in range(200):
            udp.sendto(rng.choice((b"/whispersynth/match\0", b"#bundle\0", b"")) + rng.randbytes(rng.randrange(99)),
                       ("127.0.0.1", server._osc.port))  # fmt: skip
    assert client.wait(client.submit(str(clip("after")))["id"], 60)["state"] == "done"
    assert all(not thread.name.startswith("runner") or thread.is_alive() for thread in threading.enumerate())


def test_connections_that_say_nothing_are_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("companion.serve.server.HEAD_S", 0.3)
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    time.sleep(1.0)
    for one in silent:
        one.settimeout(2)
        assert one.recv(1) == b""
        one.close()


def test_many_who_wait_do_not_keep_others_out(server: Server, client: Client, clip: Clip) -> None:
    waiting = [
        threading.Thread(target=client.call, args=("GET", "/events?after=99999&wait=5"), daemon=True)
        for _ in range(60)
    ]
    for thread in waiting:
        thread.start()
    began = time.monotonic()
    assert client.call("GET", "/status")["queued"] == 0
    assert time.monotonic() - began < 3


def test_the_token_is_the_users_alone_and_stays(where: Places, server: Server) -> None:
    assert where.token.stat().st_mode & 0o077 == 0
    assert json.loads(where.address.read_text())["token"] == where.token.read_text() == server.token
