"""The canonical Schema, "wavetable synth": every parameter once, in physical units.

A row says what a parameter is (kind, range, curve, choices), what it is when nobody touched it (default), how music
uses it (prior), when it matters at all (`when`), and into how many tokens the model cuts it (bins; 0: the model does
not speak it, because one note in mono cannot tell it or because the runtime measures it better).

Three value spaces, named so everywhere: `raw` 0..1, `value` physical, `token` the model's integer within the row.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from numbers import Real
from typing import Any, Literal

from presets.errors import PresetError
from presets.tables import TABLE_NAMES

Value = float | int | bool | str
Kind = Literal["continuous", "integer", "switch", "choice"]
Condition = tuple[str, frozenset[Value]]


@dataclass(frozen=True)
class Prior:
    """How music uses a parameter: what `export.sample` draws from."""

    p_default: float = 0.0
    """Probability of the plain default."""
    centre: float | None = None
    """Where the rest gathers, a value; None spreads it evenly over the range."""
    spread: float = 0.25
    """Standard deviation around the centre, in raw units."""
    weights: tuple[tuple[Value, float], ...] = ()
    """Weights of choices, integers or switch states; those not named weigh nothing. Empty: all equal."""


@dataclass(frozen=True)
class Parameter:
    """One row of the Schema."""

    name: str
    """`section.key`, as `filter1.cutoff`."""
    kind: Kind
    default: Value
    unit: str = ""
    """Hz, s, ms, st, cents, dB, %, deg or nothing."""
    low: float = 0.0
    high: float = 1.0
    curve: float | Literal["log"] = 1.0
    """How raw maps to value: an exponent (1 linear; signed when the range crosses zero), or log."""
    choices: tuple[str, ...] = ()
    bins: int = 0
    """Tokens the model has for it; 0 leaves it unspoken. Integers, switches and choices have one a value."""
    prior: Prior = field(default_factory=Prior)
    when: tuple[Condition, ...] = ()
    """The parameter matters only if, for every condition, the named parameter has one of the values."""
    step: int = 1
    """How far an integer's values lie apart, from `low` on; what lies between becomes the nearest."""

    @property
    def section(self) -> str:
        """The part of the synth it belongs to, as `filter1`."""
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        """Its name within the section, as `cutoff`."""
        return self.name.partition(".")[2]

    def raw_to_value(self, raw: float) -> Value:
        """Value at `raw` 0..1 (clipped)."""
        raw = min(max(float(raw), 0.0), 1.0)
        if self.kind == "switch":
            return raw >= 0.5
        if self.kind == "choice":
            return self.choices[round(raw * (len(self.choices) - 1))]
        if self.kind == "integer":
            return self._in_steps(self.low + raw * (self.high - self.low))
        if self.curve == "log":
            return self.low * math.exp(raw * math.log(self.high / self.low))
        if self.low == -self.high:  # signed: fine near zero on both sides
            x = 2 * raw - 1
            return math.copysign(abs(x) ** self.curve, x) * self.high
        return self.low + (self.high - self.low) * float(raw**self.curve)

    def value_to_raw(self, value: Value) -> float:
        """Raw 0..1 of `value`; the opposite of raw_to_value."""
        if self.kind == "switch":
            return float(bool(value))
        if self.kind == "choice":
            return self.choices.index(str(value)) / max(len(self.choices) - 1, 1)
        x = min(max(float(value), self.low), self.high)
        if self.curve == "log":
            return math.log(x / self.low) / math.log(self.high / self.low)
        if self.kind == "integer" or self.low != -self.high:
            return float(((x - self.low) / (self.high - self.low)) ** (1 / self.curve))
        return 0.5 + 0.5 * math.copysign((abs(x) / self.high) ** (1 / self.curve), x)

    def check(self, value: Value) -> Value:
        """The value in its own type, if it is in range.

        Raises:
            PresetError: the name, what was given and what is allowed.
        """
        if self.kind == "choice":
            if value not in self.choices:
                raise PresetError(f"{self.name} is {value!r}; it can be one of {', '.join(self.choices)}")
            return str(value)
        if self.kind == "switch":
            if not isinstance(value, (bool, int)) or value not in (0, 1):
                raise PresetError(f"{self.name} is {value!r}; it can be on or off")
            return bool(value)
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise PresetError(f"{self.name} is {value!r}; it must be a number from {self.range_text}")
        slack = 1e-6 * (self.high - self.low)
        if not self.low - slack <= value <= self.high + slack:
            raise PresetError(f"{self.name} is {value:g} {self.unit}; it goes from {self.range_text}")
        clipped = min(max(value, self.low), self.high)
        if self.kind == "integer":
            return self._in_steps(clipped)
        return float(f"{clipped:.6g}") + 0.0  # what a text file can carry; -0 becomes 0

    def _in_steps(self, value: float) -> int:
        return (
            round(value)
            if self.step == 1
            else round(self.low) + self.step * round((value - self.low) / self.step)
        )

    @property
    def range_text(self) -> str:
        """`20 to 20000 Hz`."""
        steps = f" in steps of {self.step}" if self.step > 1 else ""
        return f"{self.low:g} to {self.high:g} {self.unit}".strip() + steps

    @property
    def n_tokens(self) -> int:
        """Size of its token vocabulary; 0 if unspoken."""
        if not self.bins:
            return 0
        if self.kind == "continuous":
            return self.bins
        return {"switch": 2, "choice": len(self.choices), "integer": int(self.high - self.low) + 1}[self.kind]

    def value_to_token(self, value: Value) -> int:
        """The token nearest to a value."""
        return round(self.value_to_raw(value) * (self.n_tokens - 1))

    def token_to_value(self, token: int) -> Value:
        """The value a token stands for."""
        return self.raw_to_value(token / max(self.n_tokens - 1, 1))


# fmt: off
# -- row makers: a kind each --------------------------------------------------------------------------------------


def _knob(
    name: str,
    unit: str,
    low: float,
    high: float,
    default: float,
    curve: float | Literal["log"] = 1.0,
    bins: int = 0,
    **prior: float | None,
) -> Parameter:
    return Parameter(name, "continuous", default, unit, low, high, curve, (), bins, Prior(**prior))  # type: ignore[arg-type]


def _int(
    name: str, unit: str, low: int, high: int, default: int, spoken: int = 1, step: int = 1, **weights: float
) -> Parameter:
    w = tuple((int(k[1:].replace("m", "-")), p) for k, p in weights.items())
    return Parameter(name, "integer", default, unit, low, high, 1.0, (), spoken, Prior(weights=w), step=step)


def _switch(name: str, p_on: float, spoken: int = 1, default: bool = False) -> Parameter:
    weights: tuple[tuple[Value, float], ...] = ((False, 1 - p_on), (True, p_on))
    return Parameter(name, "switch", default, bins=spoken, prior=Prior(weights=weights))


def _choice(
    name: str, choices: tuple[str, ...], default: str, spoken: int = 1, weights: dict[str, float] | None = None
) -> Parameter:
    w: tuple[tuple[Value, float], ...] = tuple((weights or {}).items())
    return Parameter(name, "choice", default, choices=choices, bins=spoken, prior=Prior(weights=w))


def _section(section: str, gate: str | None, *rows: Parameter, **extra: tuple[str, tuple[Value, ...]]) -> list[Parameter]:
    """Rows named `section.key`; all but the gate matter only when the gate is on, and `extra` adds a row's own."""
    out = []
    for row in rows:
        when: list[Condition] = []
        if gate and row.name != gate:
            when.append((f"{section}.{gate}", frozenset({True})))
        if row.name in extra:
            other, allowed = extra[row.name]
            when.append((f"{section}.{other}", frozenset(allowed)))
        out.append(
            Parameter(
                f"{section}.{row.name}", row.kind, row.default, row.unit, row.low, row.high,
                row.curve, row.choices, row.bins, row.prior, tuple(when), row.step,
            )
        )  # fmt: skip
    return out


# -- the sections -------------------------------------------------------------------------------------------------

OWN = "own"  # the choice that brings its own asset: frames, a noise sample, LFO points
WARPS = ("none", "sync", "formant", "quantize", "bend", "squeeze", "pulse",
         "fm_osc", "fm_sub", "fm_noise", "rm_osc", "rm_sub", "rm_noise")  # fmt: skip
MORPHS = ("none", "vocode", "formant_scale", "harmonic_stretch", "inharmonic_stretch", "smear", "random_amplitudes",
          "low_pass", "high_pass", "phase_disperse", "shepard_tone", "time_skew")  # fmt: skip
ROUTES = ("filter1", "filter2", "both", "effects", "direct")
SUB_SHAPES = ("sine", "triangle", "saw", "square", "pulse", OWN)
NOISES = ("white", "pink", "brown", "blue", OWN)
FILTERS = ("lp12", "lp24", "bp12", "bp24", "hp12", "hp24", "notch", "peak", "dirty_lp12", "dirty_lp24", "dirty_bp", "dirty_hp",
           "ladder_lp12", "ladder_lp24", "ladder_bp", "ladder_hp", "digital_lp12", "digital_lp24", "digital_bp", "digital_hp",
           "diode_lp", "formant_aoie", "formant_aiuo", "comb", "comb_flange", "phaser")  # fmt: skip
LFO_SHAPES = ("sine", "triangle", "saw_up", "saw_down", "square", "pulse", "steps", OWN)
LFO_MODES = ("trigger", "sync", "one_shot", "hold")
DIVISIONS = ("free", *(f"{n}{feel}" for n in ("4/1", "2/1", "1/1", "1/2", "1/4", "1/8", "1/16", "1/32") for feel in ("", "d", "t")))
DISTORTIONS = ("soft_clip", "hard_clip", "linear_fold", "sine_fold", "bit_crush", "down_sample")
DELAYS = ("mono", "stereo", "ping_pong", "mid_ping_pong")
COMPRESSORS = ("multiband", "low", "high", "single")
MOD_SOURCES = ("none", "env2", "env3", "lfo1", "lfo2", "env1", "velocity", "note", "random",
               "mod_wheel", "aftertouch", "macro1", "macro2", "macro3", "macro4")  # fmt: skip
MOD_DESTINATIONS = (
    "filter1.cutoff", "filter1.resonance", "filter1.drive", "filter1.mix", "filter2.cutoff", "filter2.resonance",
    "osc1.position", "osc1.level", "osc1.pitch", "osc1.fine", "osc1.warp_amount", "osc1.morph_amount", "osc1.detune", "osc1.pan",
    "osc2.position", "osc2.level", "osc2.pitch", "osc2.fine", "osc2.warp_amount", "osc2.morph_amount", "osc2.detune", "osc2.pan",
    "sub.level", "sub.pitch", "noise.level", "voice.pitch", "voice.tune", "lfo1.rate", "lfo2.rate", "env1.attack", "env1.decay",
    "env1.release", "mod1.amount", "mod2.amount", "mod3.amount", "mod4.amount",
    "distortion.drive", "distortion.mix", "chorus.mix", "phaser.mix", "flanger.mix", "delay.mix", "delay.feedback",
    "reverb.mix", "reverb.decay", "eq.band_freq", "volume.level", "osc1.phase", "osc2.phase",
)  # fmt: skip
N_MOD_SLOTS = 8
SLOT_SOURCES = tuple(f"mod{n}.source" for n in range(1, N_MOD_SLOTS + 1))
ANY_SOURCE = "mod*.source"  # in a condition: one of SLOT_SOURCES

_OSC1_PITCH: dict[str, dict[str, Any]] = {"octave": {"_0": 0.9, "_m1": 0.05, "_1": 0.05}, "semitone": {"_0": 1.0}}
_OSC2_PITCH: dict[str, dict[str, Any]] = {
    "octave": {"_m2": 0.07, "_m1": 0.23, "_0": 0.45, "_1": 0.19, "_2": 0.06},
    "semitone": {"_0": 0.82, "_7": 0.06, "_m5": 0.03, "_5": 0.03, "_3": 0.02, "_4": 0.02, "_m7": 0.01, "_12": 0.01},
}
_TABLE_PRIOR = {name: (6.0 if i == 0 else 1.0) for i, name in enumerate(TABLE_NAMES)}
_WARP_PRIOR = {"none": 0.72, "sync": 0.04, "formant": 0.03, "quantize": 0.02, "bend": 0.04, "squeeze": 0.03, "pulse": 0.02,
               "fm_osc": 0.05, "fm_sub": 0.02, "fm_noise": 0.01, "rm_osc": 0.02}  # fmt: skip
_MORPH_PRIOR = {"none": 0.76, "vocode": 0.01, "formant_scale": 0.03, "harmonic_stretch": 0.02, "inharmonic_stretch": 0.01,
                "smear": 0.03, "random_amplitudes": 0.02, "low_pass": 0.05, "high_pass": 0.05, "phase_disperse": 0.01,
                "shepard_tone": 0.005, "time_skew": 0.005}  # fmt: skip
_FILTER_PRIOR = {"lp12": 5.0, "lp24": 7.0, "bp12": 1.0, "hp12": 1.0, "hp24": 0.5, "bp24": 0.5, "notch": 0.2, "peak": 0.2,
                 "dirty_lp12": 0.7, "dirty_lp24": 0.7, "dirty_bp": 0.2, "dirty_hp": 0.2, "ladder_lp12": 0.7, "ladder_lp24": 1.0,
                 "ladder_bp": 0.2, "ladder_hp": 0.1, "digital_lp12": 0.5, "digital_lp24": 0.5, "digital_bp": 0.2,
                 "digital_hp": 0.1, "diode_lp": 0.3, "formant_aoie": 0.3, "formant_aiuo": 0.3, "comb": 0.4,
                 "comb_flange": 0.3, "phaser": 0.3}  # fmt: skip
_FORMANTS = ("formant_aoie", "formant_aiuo")


def _oscillator(n: int, p_on: float, pitch: dict[str, dict[str, Any]]) -> list[Parameter]:
    return _section(
        f"osc{n}", "on",
        _switch("on", p_on, default=n == 1),
        _choice("table", (*TABLE_NAMES, OWN), TABLE_NAMES[0], weights=_TABLE_PRIOR),
        _knob("position", "%", 0, 100, 0, bins=17),
        _knob("level", "dB", -40, 0, -6, bins=14, centre=-6, spread=0.22),
        _int("octave", "", -4, 4, 0, **pitch["octave"]),
        _int("semitone", "st", -12, 12, 0, **pitch["semitone"]),
        _knob("fine", "cents", -100, 100, 0, 2.0, bins=21, p_default=0.75, centre=0, spread=0.2),
        _int("voices", "", 1, 16, 1, _1=0.58, _2=0.09, _3=0.08, _4=0.06, _5=0.05, _6=0.02, _7=0.06, _8=0.02, _9=0.01, _12=0.01, _16=0.02),
        _knob("detune", "%", 0, 100, 20, 2.0, bins=16, centre=16, spread=0.2),
        _knob("blend", "%", 0, 100, 80, bins=6, p_default=0.8),
        _knob("width", "%", 0, 100, 100),
        _knob("pan", "%", -100, 100, 0),
        _knob("phase", "deg", 0, 360, 180),
        _knob("phase_random", "%", 0, 100, 0),
        _choice("warp", WARPS, "none", weights=_WARP_PRIOR),
        _knob("warp_amount", "%", 0, 100, 50, bins=16),
        _choice("morph", MORPHS, "none", weights=_MORPH_PRIOR),
        _knob("morph_amount", "%", 0, 100, 50, bins=16),
        _choice("route", ROUTES, "filter1", weights={"filter1": 0.78, "filter2": 0.05, "both": 0.02, "effects": 0.11, "direct": 0.04}),
        _switch("smooth", 0.0, spoken=0),
        _switch("keytrack", 1.0, spoken=0, default=True),
        detune=("voices", tuple(range(2, 17))), blend=("voices", tuple(range(2, 17))),
        width=("voices", tuple(range(2, 17))),
        warp_amount=("warp", WARPS[1:]), morph_amount=("morph", MORPHS[1:]),
    )  # fmt: skip


def _filter(n: int, p_on: float) -> list[Parameter]:
    plain = tuple(f for f in FILTERS if f not in _FORMANTS)
    rows = [
        _switch("on", p_on),
        _choice("type", FILTERS, "lp12", weights=_FILTER_PRIOR),
        _knob("cutoff", "Hz", 13, 21000, 260, "log", bins=56, centre=900, spread=0.22),
        _knob("resonance", "%", 0, 100, 50, bins=14, centre=35, spread=0.25),
        _knob("drive", "dB", 0, 20, 0, bins=6, p_default=0.75),
        _knob("keytrack", "%", -100, 100, 0, bins=9, p_default=0.5, centre=50, spread=0.25),
        _knob("mix", "%", 0, 100, 100, bins=6, p_default=0.88),
        _knob("vowel", "%", 0, 100, 50, bins=8),
        _knob("vowel_shift", "st", -12, 12, 0),
    ]
    if n == 2:
        rows.append(_switch("after_filter1", 0.5))
    return _section(f"filter{n}", "on", *rows, cutoff=("type", plain), vowel=("type", _FORMANTS), vowel_shift=("type", _FORMANTS))


def _envelope(n: int) -> list[Parameter]:
    amp = n == 1
    return _section(
        f"env{n}", None,
        _knob("delay", "s", 0, 4, 0, 4.0),
        _knob("attack", "s", 0, 16, 0.0005, 4.0, bins=26, p_default=0.0, centre=0.004 if amp else 0.01, spread=0.17),
        _knob("hold", "s", 0, 4, 0, 4.0, bins=10, p_default=0.8),
        _knob("decay", "s", 0, 16, 1.0, 4.0, bins=26, centre=0.5, spread=0.14),
        _knob("sustain", "%", 0, 100, 100, bins=14, p_default=0.42 if amp else 0.1),
        _knob("release", "s", 0, 16, 0.09, 4.0, bins=26, centre=0.2, spread=0.13),
        _knob("attack_curve", "%", -100, 100, 0),
        _knob("decay_curve", "%", -100, 100, -10, bins=9, p_default=0.7, centre=-10, spread=0.15),
        _knob("release_curve", "%", -100, 100, -10),
    )  # fmt: skip


def _lfo(n: int) -> list[Parameter]:
    return _section(
        f"lfo{n}", None,
        _choice("shape", LFO_SHAPES, "triangle", weights={"sine": 2, "triangle": 4, "saw_up": 1, "saw_down": 2, "square": 1, "pulse": 0.5, "steps": 0.7}),
        _choice("mode", LFO_MODES, "trigger", weights={"trigger": 0.6, "sync": 0.1, "one_shot": 0.25, "hold": 0.05}),
        _knob("rate", "Hz", 0.0078125, 500, 2, "log", bins=40, centre=3, spread=0.14),
        _knob("phase", "deg", 0, 360, 0),
        _knob("delay", "s", 0, 4, 0, 2.0),
        _knob("fade", "s", 0, 8, 0, 2.0),
        _knob("smooth", "ms", 0, 1000, 0, 3.0),
        _knob("stereo", "%", -100, 100, 0),
        _choice("division", DIVISIONS, "free", spoken=0),
    )  # fmt: skip


def _mod(n: int) -> list[Parameter]:
    sources = {"env2": 0.36, "env3": 0.1, "lfo1": 0.34, "lfo2": 0.12, "note": 0.03, "velocity": 0.0, "env1": 0.03, "random": 0.02}
    p_used = (0.72, 0.62, 0.55, 0.45, 0.35, 0.3, 0.2, 0.1)[n - 1]
    weights = {"none": 1 - p_used} | {k: p_used * w for k, w in sources.items()}
    common = {"filter1.cutoff": 9.0, "osc1.position": 4, "osc2.position": 2, "osc1.level": 2, "osc2.level": 2, "noise.level": 1.5,
              "osc1.pitch": 2, "osc2.pitch": 1, "voice.pitch": 1.5, "osc1.fine": 1, "osc1.warp_amount": 2, "osc2.warp_amount": 1,
              "osc1.morph_amount": 1.5, "osc2.morph_amount": 0.7, "filter2.cutoff": 2, "sub.level": 0.7, "voice.tune": 1.5,
              "filter1.resonance": 0.5, "osc1.detune": 0.3, "sub.pitch": 0.3, "distortion.drive": 0.4, "lfo1.rate": 0.5}  # fmt: skip
    rows = _section(
        f"mod{n}", None,
        _choice("source", MOD_SOURCES, "none", weights=weights),
        _choice("destination", MOD_DESTINATIONS, "filter1.cutoff", weights=common),
        _knob("amount", "%", -100, 100, 0, 2.0, bins=33, centre=10, spread=0.22),
        _switch("bipolar", 0.35, spoken=1),
        _knob("curve", "%", -100, 100, 0),
    )  # fmt: skip
    used: Condition = (f"mod{n}.source", frozenset(MOD_SOURCES[1:]))
    earlier: Condition = (f"mod{n - 1}.source", frozenset(MOD_SOURCES[1:]))
    cyclic: Condition = (f"mod{n}.source", frozenset({"lfo1", "lfo2", "random"}))
    whens = {"source": (earlier,) if n > 1 else (), "bipolar": (cyclic,)}
    return [_with_when(r, whens.get(r.key, (used,))) for r in rows]


def _with_when(row: Parameter, when: tuple[Condition, ...]) -> Parameter:
    return Parameter(row.name, row.kind, row.default, row.unit, row.low, row.high, row.curve, row.choices, row.bins, row.prior, when)


@cache
def _rows() -> tuple[Parameter, ...]:
    lfo_rate: dict[str, float | None] = {"centre": 0.4, "spread": 0.2}
    rows = [
        *_oscillator(1, 0.97, _OSC1_PITCH),
        *_oscillator(2, 0.55, _OSC2_PITCH),
        *_section(
            "sub", "on",
            _switch("on", 0.35),
            _choice("shape", SUB_SHAPES, "sine", weights={"sine": 4, "triangle": 2, "saw": 2, "square": 2, "pulse": 1}),
            _knob("level", "dB", -40, 0, -6, bins=14, centre=-7, spread=0.2),
            _int("octave", "", -4, 4, -1, _m2=0.2, _m1=0.45, _0=0.2, _1=0.1, _2=0.05),
            _int("semitone", "st", -12, 12, 0, _0=0.94, _7=0.04, _m5=0.02),
            _knob("fine", "cents", -100, 100, 0, 2.0),
            _knob("pan", "%", -100, 100, 0),
            _knob("phase", "deg", 0, 360, 180),
            _knob("phase_random", "%", 0, 100, 0),
            _switch("keytrack", 1.0, spoken=0, default=True),
            _choice("route", ROUTES, "filter1", weights={"filter1": 0.6, "effects": 0.25, "direct": 0.15}),
        ),
        *_section(
            "noise", "on",
            _switch("on", 0.2),
            _choice("kind", NOISES, "white", weights={"white": 4, "pink": 2, "brown": 1, "blue": 1}),
            _knob("level", "dB", -40, 0, -6, bins=14, centre=-16, spread=0.22),
            _knob("pan", "%", -100, 100, 0),
            _int("transpose", "st", -48, 48, 0, spoken=0),
            _switch("keytrack", 0.0, spoken=0),
            _switch("loop", 1.0, spoken=0, default=True),
            _choice("route", ROUTES, "filter1", weights={"filter1": 0.6, "filter2": 0.1, "effects": 0.2, "direct": 0.1}),
        ),
        *_filter(1, 0.75),
        *_filter(2, 0.25),
        *_envelope(1),
        *(row for n in range(1, N_MOD_SLOTS + 1) for row in _mod(n)),
        *_envelope(2), *_envelope(3), *_lfo(1), *_lfo(2),
        *_section(
            "distortion", "on",
            _switch("on", 0.2),
            _choice("kind", DISTORTIONS, "soft_clip", weights={"soft_clip": 4, "hard_clip": 2, "linear_fold": 1.5, "sine_fold": 1, "bit_crush": 0.6, "down_sample": 0.6}),
            _knob("drive", "dB", -30, 30, 0, bins=16, centre=8, spread=0.15),
            _knob("mix", "%", 0, 100, 100, bins=6, p_default=0.6),
            _choice("filter", ("none", "pre", "post"), "none", spoken=0),
            _knob("filter_cutoff", "Hz", 13, 21000, 830, "log"),
            _knob("filter_resonance", "%", 0, 100, 50),
        ),
        *_section(
            "chorus", "on",
            _switch("on", 0.3),
            _int("voices", "", 4, 16, 16, spoken=0, step=4),  # Vital has them in fours
            _knob("rate", "Hz", 0.015625, 8, 0.125, "log", bins=10, **lfo_rate),
            _knob("depth", "%", 0, 100, 50, bins=8),
            _knob("feedback", "%", -95, 95, 40, bins=8, p_default=0.4),
            _knob("delay1", "ms", 0.98, 20, 1.95, "log"),
            _knob("delay2", "ms", 0.98, 20, 7.8, "log"),
            _knob("cutoff", "Hz", 13, 21000, 260, "log"),
            _knob("spread", "%", 0, 100, 100),
            _knob("mix", "%", 0, 100, 50, bins=10, centre=45, spread=0.25),
        ),
        *_section(
            "phaser", "on",
            _switch("on", 0.06),
            _knob("rate", "Hz", 0.03125, 4, 0.125, "log", bins=8, **lfo_rate),
            _knob("depth", "st", 0, 48, 24, bins=8),
            _knob("center", "Hz", 13, 21000, 830, "log", bins=10),
            _knob("feedback", "%", 0, 100, 50, bins=6),
            _knob("blend", "%", 0, 100, 50),
            _knob("phase", "deg", 0, 360, 120),
            _knob("mix", "%", 0, 100, 100, bins=6),
        ),
        *_section(
            "flanger", "on",
            _switch("on", 0.05),
            _knob("rate", "Hz", 0.03125, 4, 0.25, "log", bins=8, **lfo_rate),
            _knob("depth", "%", 0, 100, 50, bins=8),
            _knob("center", "Hz", 13, 21000, 330, "log", bins=10),
            _knob("feedback", "%", -100, 100, 50, bins=7),
            _knob("phase", "deg", 0, 360, 120),
            _knob("mix", "%", 0, 100, 100, bins=6),
        ),
        *_section(
            "delay", "on",
            _switch("on", 0.25),
            _choice("style", DELAYS, "mono", weights={"mono": 3, "stereo": 2, "ping_pong": 1, "mid_ping_pong": 1.5}),
            _knob("time", "s", 0.002, 4, 0.25, "log", bins=24, centre=0.25, spread=0.14),
            _knob("time_right", "s", 0.002, 4, 0.25, "log"),
            _knob("feedback", "%", -100, 100, 50, bins=9, centre=40, spread=0.12),
            _knob("cutoff", "Hz", 13, 21000, 260, "log"),
            _knob("spread", "%", 0, 100, 100),
            _knob("mix", "%", 0, 100, 33, bins=8, centre=25, spread=0.15),
            _choice("division", DIVISIONS, "free", spoken=0),
            _choice("division_right", DIVISIONS, "free", spoken=0),
        ),
        *_section(
            "reverb", "on",
            _switch("on", 0.5),
            _knob("size", "%", 0, 100, 50, bins=6),
            _knob("decay", "s", 0.016, 64, 1, "log", bins=16, centre=1.5, spread=0.13),
            _knob("predelay", "s", 0, 0.3, 0, 2.0),
            _knob("low_cut", "Hz", 8.2, 13000, 8.2, "log"),
            _knob("high_cut", "Hz", 8.2, 13000, 4700, "log"),
            _knob("low_shelf_freq", "Hz", 8.2, 13000, 8.2, "log"),
            _knob("low_shelf_gain", "dB", -6, 0, 0),
            _knob("high_shelf_freq", "Hz", 8.2, 13000, 1480, "log"),
            _knob("high_shelf_gain", "dB", -6, 0, -1),
            _knob("chorus_depth", "%", 0, 100, 5),
            _knob("chorus_rate", "Hz", 0.0039, 8, 0.25, "log"),
            _knob("mix", "%", 0, 100, 25, bins=12, centre=20, spread=0.15),
        ),
        *_section(
            "compressor", "on",
            _switch("on", 0.15),
            _choice("mode", COMPRESSORS, "multiband", weights={"multiband": 6, "low": 0.3, "high": 0.3, "single": 1.5}),
            _knob("attack", "%", 0, 100, 50),
            _knob("release", "%", 0, 100, 50),
            _knob("mix", "%", 0, 100, 100, bins=6, p_default=0.5),
            *(_knob(f"{band}_gain", "dB", -30, 30, gain) for band, gain in (("low", 16.3), ("band", 11.7), ("high", 16.3))),
            *(_knob(f"{band}_{edge}_threshold", "dB", -80, 0, t) for band, edge, t in (
                ("low", "upper", -28), ("low", "lower", -35), ("band", "upper", -25), ("band", "lower", -36),
                ("high", "upper", -30), ("high", "lower", -35))),
            *(_knob(f"{band}_{edge}_ratio", "", -1 if edge == "lower" else 0, 1, r) for band, edge, r in (
                ("low", "upper", 0.9), ("low", "lower", 0.8), ("band", "upper", 0.857), ("band", "lower", 0.8),
                ("high", "upper", 1.0), ("high", "lower", 0.8))),
        ),
        *_section(
            "eq", "on",
            _switch("on", 0.35),
            _choice("low_mode", ("shelf", "cut"), "shelf", weights={"shelf": 0.85, "cut": 0.15}),
            _knob("low_freq", "Hz", 13, 21000, 82, "log", bins=12, centre=150, spread=0.14),
            _knob("low_gain", "dB", -15, 15, 0, bins=11, p_default=0.25),
            _knob("low_resonance", "%", 0, 100, 10, 2.0),
            _choice("band_mode", ("bell", "notch"), "bell", spoken=0),
            _knob("band_freq", "Hz", 13, 21000, 830, "log", bins=16, centre=1000, spread=0.18),
            _knob("band_gain", "dB", -15, 15, 0, bins=11, p_default=0.5),
            _knob("band_resonance", "%", 0, 100, 20, 2.0),
            _choice("high_mode", ("shelf", "cut"), "shelf", weights={"shelf": 0.9, "cut": 0.1}),
            _knob("high_freq", "Hz", 13, 21000, 2640, "log", bins=12, centre=3000, spread=0.12),
            _knob("high_gain", "dB", -15, 15, 0, bins=11, p_default=0.25),
            _knob("high_resonance", "%", 0, 100, 10, 2.0),
        ),
        *_section(
            "voice", None,
            _int("polyphony", "", 1, 32, 8, spoken=0),
            _switch("legato", 0.0, spoken=0),
            _knob("glide", "s", 0, 16, 0, 4.0),
            _int("transpose", "st", -48, 48, 0, spoken=0),
            _knob("tune", "cents", -100, 100, 0),
            _knob("velocity_track", "%", -100, 100, 0),
            _knob("pitch_bend", "st", 0, 48, 2),
            _knob("bpm", "", 20, 300, 120),
        ),
        *_section("volume", None, _knob("level", "dB", -60, 6, -6)),
        *_section("macro", None, *(_knob(f"m{n}", "%", 0, 100, 0) for n in range(1, 5))),
    ]  # fmt: skip
    return tuple(_routed(r) for r in rows)


def _routed(row: Parameter) -> Parameter:
    """Envelopes 2-3 and LFOs matter only when a slot uses them: the condition 'any slot', written as `mod*`."""
    if row.section in ("env2", "env3", "lfo1", "lfo2"):
        return _with_when(row, ((ANY_SOURCE, frozenset({row.section})), *row.when))
    return row

# fmt: on


class Schema:
    """A table of Parameters: lookup by name, the order the model speaks in, and which rows matter for given values."""

    def __init__(self, name: str, rows: tuple[Parameter, ...]) -> None:
        self.name = name
        self.rows = rows
        self._by_name = {r.name: r for r in rows}
        self.defaults: dict[str, Value] = {r.name: r.default for r in rows}

    def __reduce__(self) -> tuple[object, ...]:
        return Schema, (self.name, self.rows)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Parameter:
        try:
            return self._by_name[name]
        except KeyError:
            near = get_close_matches(name, self._by_name, n=3)
            hint = f"the nearest are {', '.join(near)}" if near else "docs/schema.md lists them"
            raise PresetError(f"there is no parameter {name!r} in the {self.name} schema; {hint}") from None

    def sections(self) -> list[str]:
        """Section names in order."""
        return list(dict.fromkeys(r.section for r in self.rows))

    def matters(self, row: Parameter, values: dict[str, Value]) -> bool:
        """Whether a row can be heard, given the values of the rows before it."""
        for name, allowed in row.when:
            if name == ANY_SOURCE:
                if allowed.isdisjoint(map(values.get, SLOT_SOURCES)):
                    return False
            elif values.get(name, self._by_name[name].default) not in allowed:
                return False
        return True

    @property
    def hash(self) -> str:
        """First 12 hex digits of a digest over everything a trained model depends on."""
        spoken = [
            (r.name, r.kind, r.low, r.high, r.curve, r.choices, r.n_tokens, sorted(map(str, r.when)))
            for r in self.rows
            if r.bins
        ]
        text = repr([(*s[:-1], [(n, sorted(map(str, a))) for n, a in self[s[0]].when]) for s in spoken])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def wavetable_synth() -> Schema:
    """The canonical Schema."""
    return Schema("wavetable synth", _rows())
