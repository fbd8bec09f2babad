"""The companion's side of docs/protocol.md as far as the script sees it, for tests of the script alone."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn

TOKEN = "t" * 43


class Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True


class Stub:
    """Keeps what it was sent; `say` publishes events; a match is done at once."""

    def __init__(self, folder, files=None):
        self.requests, self.events, self.lock = [], [], threading.Condition()
        self.files, self.refuse, self.jobs, self.ended = files or {}, None, {}, {}
        self.hang, self.silent = False, False
        self.server = Server(("127.0.0.1", 0), make_handler(self))
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        address = {
            "url": f"http://127.0.0.1:{self.port}",
            "port": self.port,
            "token": TOKEN,
            "pid": 77,
            "version": 1,
        }
        with open(str(folder) + "/serve.json", "w") as file:
            json.dump(address, file)

    def say(self, **event):
        with self.lock:
            event["n"] = len(self.events) + 1
            self.events.append(event)
            self.lock.notify_all()
        return event["n"]

    def sent(self, route):
        with self.lock:
            return [body for asked, body in self.requests if asked == route]

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method, route, body):
        with self.lock:
            self.requests.append((route.split("?")[0], body))
        if self.refuse is not None and route == "/jobs":
            return self.refuse
        if route == "/bridge/hello":
            return 200, {"events": len(self.events)}
        if route.startswith("/events"):
            return 200, self.wait(int(route.split("after=")[1].split("&")[0]))
        if route == "/jobs":
            return 202, self.match(body)
        if route.startswith("/jobs/"):
            return 200, self.ended
        return 200, {}

    def wait(self, after):
        until = time.time() + 1.0
        with self.lock:
            while len(self.events) <= after and time.time() < until:
                self.lock.wait(0.1)
            return {"events": self.events[after:], "last": len(self.events)}

    def match(self, body):
        with self.lock:
            number = self.jobs.setdefault(body["key"], len(self.jobs) + 1)
        job = {"id": number, "state": "queued", "progress": 0.0, "position": 0, "name": body["name"]}
        job["request"] = body
        if self.silent:
            return job
        self.say(type="job", job=dict(job, state="running", stage="refining", progress=0.5))
        best = {"rank": 1, "kind": "resynth", "score": 0.05, "words": "very close", "files": self.files}
        result = {
            "note": 48,
            "note_name": "C2",
            "warnings": body["warnings"],
            "words": "very close",
            "candidates": [best],
        }
        threading.Timer(
            0.1, self.say, (), dict(type="job", job=dict(job, state="done", result=result))
        ).start()
        return job


def make_handler(stub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *message):
            pass

        def do_GET(self):
            self.reply("GET", None)

        def do_POST(self):
            self.reply(
                "POST", json.loads(self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8"))
            )

        def reply(self, method, body):
            while stub.hang:
                time.sleep(0.05)
            if self.headers["Authorization"] != "Bearer " + TOKEN:
                status, answer = 401, {"error": "no token"}
            else:
                status, answer = stub.answer(method, self.path, body)
            data = json.dumps(answer).encode("utf-8")
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                pass

    return Handler


if __name__ == "__main__":  # in a process of its own, until its input ends
    Stub(sys.argv[1])
    sys.stdin.read()
