"""What can be recorded from, and what each is good for."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

from companion.capture.options import Device
from companion.errors import CaptureError

INSTALL = "capturing needs sounddevice, which is not installed; run: pip install 'whispersynth[capture]'"
NO_PORTAUDIO = "capturing needs the PortAudio library, which is not there; install it (Debian and Ubuntu: apt-get install libportaudio2)"
JACK = "JACK"
SYSTEMS = {
    "JACK Audio Connection Kit": JACK,
    "Core Audio": "CoreAudio",
    "Windows WASAPI": "WASAPI",
    "Windows DirectSound": "DirectSound",
    "Windows WDM-KS": "WDM-KS",
}
OUTDONE = {
    "WASAPI": {"MME", "DirectSound", "WDM-KS"}
}  # the same devices again, worse: names cut off, resampled

# The first that fits: pattern in lower case, what it is good for, whether it carries the sound itself.
USES: tuple[tuple[str, str, bool], ...] = (
    (
        r"blackhole|soundflower|loopback audio|vb-audio|vb-cable|cable output|voicemeeter|virtual (audio )?cable"
        r"|^line \d+ \(virtual|ishowu|groundcontrol|background music",
        "a virtual cable: the sound itself, as the DAW plays it into it",
        True,
    ),
    (
        r"monitor of|\.monitor|stereo ?mix|what ?u ?hear|wave out mix|\bloopback\b",
        "a loopback: the sound itself, with whatever else the computer plays",
        True,
    ),
    (
        r"\bmic\b|micro(ph|f)on|headset|webcam|airpods|camera",
        "a microphone: it hears the room, so do not match it",
        False,
    ),
    (r"^(pulse|pipewire|default|sysdefault|jack)$", "the system's default input, whatever that is", False),
    (r"", "an input of the sound card: what is plugged into it", False),
)
HINTS = {
    "darwin": "no virtual cable was found; install BlackHole (existential.audio/blackhole), choose it as the DAW's output, "
    "and allow the terminal the microphone in Privacy & Security",
    "win32": "no virtual cable was found; install VB-CABLE (vb-audio.com/Cable) and choose CABLE Input as the DAW's output, "
    "or switch Stereo Mix on in the sound settings",
    "linux": "no JACK client or monitor was found; start the DAW on JACK or PipeWire (pw-jack), then list again",
}


def use_of(name: str, system: str) -> tuple[str, bool]:
    """What a device is good for, and whether it carries the sound itself."""
    if system == JACK and name != "system":
        return "a JACK client: its outputs, sample for sample", True
    return next((use, fits) for pattern, use, fits in USES if re.search(pattern, name.casefold()))


def describe_devices(found: Sequence[dict[str, Any]], systems: Sequence[str]) -> list[Device | None]:
    """The inputs among PortAudio's devices, each at its own place; None for what is no input, or is there again, better."""
    names = [SYSTEMS.get(system, system) for system in systems]
    outdone = {worse for better, all_worse in OUTDONE.items() if better in names for worse in all_worse}
    return [_describe(entry, names[entry["hostapi"]], outdone) for entry in found]


def _describe(entry: dict[str, Any], system: str, outdone: set[str]) -> Device | None:
    if not entry["max_input_channels"] or system in outdone:
        return None
    use, fits = use_of(entry["name"], system)
    rate_hz = round(entry["default_samplerate"])
    return Device(entry["name"], system, int(entry["max_input_channels"]), rate_hz, use, fits)


def choose(devices: Sequence[Device | None], name: str) -> int:
    """The place of the device a name means: the whole name first, else a part of one only.

    Raises:
        CaptureError: none fits, or several do.
    """
    inputs = [(n, device) for n, device in enumerate(devices) if device]
    wanted = name.casefold().strip()
    exact = [(n, d) for n, d in inputs if wanted in (d.name.casefold(), f"{d.name} ({d.system})".casefold())]
    fits = exact or [(n, d) for n, d in inputs if wanted and wanted in d.name.casefold()]
    fits = [(n, d) for n, d in fits if d.fits] or fits  # a JACK client before an ALSA device of the same name
    if len(fits) == 1:
        return fits[0][0]
    if fits:
        some = ", ".join(f"{d.name!r} ({d.system})" for _, d in fits)
        raise CaptureError(
            f"several devices fit {name!r}: {some}; give the whole name, with the brackets if need be"
        )
    there = ", ".join(repr(d.name) for _, d in inputs) or "none"
    raise CaptureError(
        f"no device's name contains {name!r}; there are: {there}; `whispersynth capture --list` says more"
    )


def hint(devices: Sequence[Device]) -> str:
    """What to install where nothing carries the sound itself; empty where something does."""
    return "" if any(device.fits for device in devices) else HINTS.get(sys.platform, HINTS["linux"])
