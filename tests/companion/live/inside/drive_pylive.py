"""pylive, a client of AbletonOSC, as a program of its own: reads the set and turns a knob. Prints JSON."""

import json
import sys

import live

port, reply_port = int(sys.argv[1]), int(sys.argv[2])
live.Query(("127.0.0.1", port), reply_port)  # the one that every object of pylive shares
a_set = live.Set()
a_set.scan(mode="network")
knob_track = a_set.tracks[1]
query = live.Query()
query.cmd("/live/device/set/parameter/value", (1, 0, 1, 0.75))
told = {
    "tempo": a_set.tempo,
    "tracks": [track.name for track in a_set.tracks],
    "clips": [clip.name if clip else None for clip in a_set.tracks[0].clips[:4]],
    "selected": query.query("/live/view/get/selected_clip"),
    "file": query.query("/live/clip/get/file_path", (0, 1)),
    "knob": query.query("/live/device/get/parameter/value", (1, 0, 1)),
}
print(json.dumps(told))
