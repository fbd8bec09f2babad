"""The few settings that matter most in a patch, in short: `filter1 lp24 at 900 Hz`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from companion.telling.movement import Move, moves, plays_the_clip
from companion.telling.wording import HELD, wave_words
from companion.telling.words import figure, percent_text, seconds_text, semitones_text, value_words
from presets.patch import Patch
from presets.plugin_schema import is_of_plugin
from presets.schema import OWN
from presets.txt import value_text

Weighed = tuple[float, str]
"""(how much it matters, what it is)."""


def settings_that_matter(patch: Patch, n: int = 5) -> tuple[str, ...]:
    """The `n` settings that decide the sound most, the weightiest first; always `n` of them."""
    looks = (_farthest,) if is_of_plugin(patch) else LOOKS
    weighed = [fact for look in looks for fact in look(patch)]
    weighed.sort(key=lambda fact: -fact[0])  # stable: equals keep the order of the signal
    return tuple(text for _, text in weighed[:n])


def _farthest(patch: Patch) -> list[Weighed]:
    """Of a plugin nothing is known: what was turned farthest from where it stood."""
    return [
        (abs(row.value_to_raw(patch[row.name]) - row.value_to_raw(row.default)), f"{row.key} {value_text(row, patch[row.name])}")
        for row in patch.schema
    ]  # fmt: skip


def _oscillators(patch: Patch) -> list[Weighed]:
    facts = _own_waves(patch)
    for section, weight in (("osc1", 10.0), ("osc2", 8.0)):
        if not patch[f"{section}.on"] or patch[f"{section}.table"] == OWN:
            continue
        heard = _loudness(patch, section)
        wave = _short(wave_words(patch, section))
        voices = int(patch.number(f"{section}.voices"))
        unison = f", {voices} voices {_value(patch, f'{section}.detune')} detuned" if voices > 1 else ""
        facts.append((weight * heard, f"{section} {wave}{unison}"))
        for kind, amount in (("warp", "warp_amount"), ("morph", "morph_amount")):
            if patch[f"{section}.{kind}"] != "none":
                name = str(patch[f"{section}.{kind}"]).replace("_", " ")
                facts.append(
                    (0.65 * weight * heard, f"{section} {name} {kind} {_value(patch, f'{section}.{amount}')}")
                )
    return facts


def _own_waves(patch: Patch) -> list[Weighed]:
    """Of a resynth: which oscillators play waves of the clip's, and what plays them through."""
    own = [s for s in ("osc1", "osc2") if patch[f"{s}.on"] and patch[f"{s}.table"] == OWN]
    if not own:
        return []
    n = max(len(patch.assets[f"{section}.table"]) for section in own)
    waves = f"{n} waves" if n > 1 else "a wave"
    facts = [(10.0, f"{' and '.join(own)} {waves} of the clip's own")]
    runs = [m for m in moves(patch) if m.destination in {f"{section}.position" for section in own}]
    for source in dict.fromkeys(m.source for m in runs if m.source.startswith("lfo")):
        period = seconds_text(1 / patch.number(f"{source}.rate"))
        facts.append((8.5, f"{source} plays them through in {period}"))
    return facts


def _short(wave: str) -> str:
    """`saw with notches` of `a saw with notches, like a frozen phaser`."""
    return re.split(", like|, taken", wave)[0].removeprefix("a ").removeprefix("an ")


def _loudness(patch: Patch, section: str) -> float:
    """1 at -6 dB and above, falling to 0.3 at -40 dB: what is quiet decides less, unless a routing brings it up."""
    return 0.3 + 0.7 * min(max((patch.number(f"{section}.level") + 40) / 34, 0.0), 1.0)


def _sub(patch: Patch) -> list[Weighed]:
    if not patch["sub.on"]:
        return []
    steps = round(12 * patch.number("sub.octave") + patch.number("sub.semitone"))
    shape = "a wave of the clip's own" if patch["sub.shape"] == OWN else f"{patch['sub.shape']}"
    place = f" at {semitones_text(steps, named=False)} {'up' if steps > 0 else 'down'}" if steps else ""
    return [(5 * _loudness(patch, "sub"), f"sub {shape}{place}")]


def _noise(patch: Patch) -> list[Weighed]:
    if not patch["noise.on"]:
        return []
    return [
        (5.5 * _loudness(patch, "noise"), f"noise {patch['noise.kind']} at {_value(patch, 'noise.level')}")
    ]


def _filters(patch: Patch) -> list[Weighed]:
    facts = []
    for section, weight in (("filter1", 9.0), ("filter2", 7.5)):
        if not patch[f"{section}.on"]:
            continue
        kind = str(patch[f"{section}.type"]).replace("_", " ")
        place = f"at {_value(patch, f'{section}.cutoff')}" if patch.matters(f"{section}.cutoff") else "vowels"
        ring = (
            f", resonance {_value(patch, f'{section}.resonance')}"
            if patch.number(f"{section}.resonance") > 60
            else ""
        )
        facts.append((weight * patch.number(f"{section}.mix") / 100, f"{section} {kind} {place}{ring}"))
    return facts


def _amp(patch: Patch) -> list[Weighed]:
    attack, release = seconds_text(patch.number("env1.attack")), seconds_text(patch.number("env1.release"))
    sustain, decay = patch.number("env1.sustain"), seconds_text(patch.number("env1.decay"))
    if sustain >= HELD:
        return [(8.0, f"amp attack {attack}, release {release}")]
    return [
        (8.0, f"amp attack {attack}, decay {decay} to {percent_text(sustain)}"),
        (1.5, f"amp release {release}"),
    ]


def _routings(patch: Patch) -> list[Weighed]:
    return [
        (_routing_weight(patch, m) * min(1.0, 0.3 + 2 * abs(patch.number(f"mod{m.slot}.amount")) / 100), text)
        for m in moves(patch)
        if m.start != m.end and _is_on(patch, m.section) and (text := _routing(m))
    ]


def _routing_weight(patch: Patch, m: Move) -> float:
    return 0.1 if plays_the_clip(patch, m) or m.key == "amount" else 7.0  # nothing that a player turns


def _is_on(patch: Patch, section: str) -> bool:
    return f"{section}.on" not in patch.schema or bool(patch[f"{section}.on"])


def _routing(m: Move) -> str:
    sign = "±" if m.bipolar else "+" if m.rises else "-"
    return f"{m.source} moves {m.section} {m.key.replace('_', ' ')} {sign}{_distance(m)}"


def _distance(m: Move) -> str:
    half = 2 if m.bipolar else 1
    if m.key in ("cutoff", "band_freq"):
        return semitones_text(12 * math.log2(m.end / m.start) / half, named=False)
    if m.key == "pitch":
        return semitones_text((m.end - m.start) / half, named=False)
    unit = {"fine": "cents", "tune": "cents", "level": "dB", "drive": "dB", "rate": "Hz", "phase": "degrees",
            "attack": "s", "decay": "s", "release": "s"}.get(m.key, "%")  # fmt: skip
    return f"{figure(abs(m.end - m.start) / half)} {unit}"


EFFECTS: tuple[tuple[str, float, str, str], ...] = (  # section, weight, the setting said with it, how
    ("distortion", 7.0, "drive", "{section} {kind} {value}"),
    ("phaser", 6.0, "rate", "phaser at {value}"),
    ("flanger", 6.0, "rate", "flanger at {value}"),
    ("chorus", 6.0, "mix", "chorus {value}"),
    ("compressor", 4.0, "mix", "compressor {value}"),
    ("delay", 6.0, "time", "delay {value}"),
    ("reverb", 6.0, "decay", "reverb {value}"),
)


def _effects(patch: Patch) -> list[Weighed]:
    facts = []
    for section, weight, key, text in EFFECTS:
        if patch[f"{section}.on"]:
            mix = patch.number(f"{section}.mix")
            kind = str(patch.values.get(f"{section}.kind", "")).replace("_", " ")
            said = text.format(section=section, kind=kind, value=_value(patch, f"{section}.{key}"))
            beside = f", {percent_text(mix)} mix" if key != "mix" else " mix"
            facts.append((weight * min(1.0, 0.2 + mix / 60), said + beside))
    return facts


def _equaliser(patch: Patch) -> list[Weighed]:
    if not patch["eq.on"]:
        return []
    gain, band = max((abs(patch.number(f"eq.{band}_gain")), band) for band in ("low", "band", "high"))
    where = f"{_value(patch, f'eq.{band}_gain')} at {_value(patch, f'eq.{band}_freq')}"
    return [(1 + gain / 3, f"eq {where}")] if gain else []


def _always(patch: Patch) -> list[Weighed]:
    """What every patch has: fills the list of a plain one."""
    return [
        (0.5, f"osc1 level {_value(patch, 'osc1.level')}"),
        (0.4, f"volume {_value(patch, 'volume.level')}"),
        (0.3, f"polyphony {_value(patch, 'voice.polyphony')}"),
        (0.2, f"bend range {_value(patch, 'voice.pitch_bend')}"),
    ]


def _value(patch: Patch, name: str) -> str:
    return value_words(patch.schema[name], patch[name])


LOOKS: tuple[Callable[[Patch], list[Weighed]], ...] = (
    _oscillators, _sub, _noise, _filters, _amp, _routings, _effects, _equaliser, _always,
)  # fmt: skip
