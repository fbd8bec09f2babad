"""One match in a Live that is not there, by whatever Python runs this. Prints JSON."""

import json
import os
import socket
import sys

library, data = sys.argv[1:3]
sys.path.insert(0, os.path.join(library, "Remote Scripts"))

import companion_stub  # noqa: E402 (after the path)
import fake_set  # noqa: E402
import runner  # noqa: E402
import WhisperSynth  # noqa: E402
from WhisperSynth import osc  # noqa: E402

replies = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
replies.bind(("127.0.0.1", 0))
replies.settimeout(10)
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.bind(("127.0.0.1", 0))
port = probe.getsockname()[1]
probe.close()

buttons = {"match": {"kind": "note", "channel": 1, "number": 36}}
settings = {"osc_port": port, "osc_reply_port": replies.getsockname()[1], "data": data, "buttons": buttons}
with open(os.path.join(library, "Remote Scripts", "WhisperSynth", "config.json"), "w") as file:
    json.dump(settings, file)

stub = companion_stub.Stub(data)
a_set = fake_set.Set(library=library)
track = a_set.add_track("Audio")
clip = a_set.clip(
    "/music/bass.wav", name="Bass 3", pitch_coarse=-2, pitch_fine=-50.0, looping=True, loop_end=1.5
)
a_set.select(a_set.put(track, 0, clip), track)
live = runner.Runner(a_set, WhisperSynth)
try:
    live.shows("connected")
    live.press(0x90, 36, 100)
    message = live.shows("very close")
    replies.sendto(osc.encode("/live/song/get/tempo"), ("127.0.0.1", port))
    ((address, arguments),) = osc.decode(replies.recv(65535))
finally:
    live.stop()
    stub.close()
job = stub.sent("/jobs")[0]
del job["key"]
told = {
    "python": list(sys.version_info[:2]),
    "job": job,
    "message": message,
    "osc": [address, list(arguments)],
    "violations": a_set.violations,
    "logged": a_set.logged,
}
print(json.dumps(told))
