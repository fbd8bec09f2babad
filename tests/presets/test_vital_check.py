"""Hostile .vital texts: each is refused with a reason, or the engine takes it and lives."""

import base64
import copy
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presets.errors import PresetError
from presets.patch import Patch
from presets.vital import patch_to_vital, vital_to_patch
from presets.vital_binding import control_ranges, safe_destinations, safe_sources
from presets.vital_check import COMPONENTS, MAX_SAMPLES, check, parse

PLAIN = json.loads(patch_to_vital(Patch({"noise.on": True}), compact=True))
UNSAFE = (  # destinations that crash the engine
    "chorus_voices", "compressor_enabled_bands", "delay_style", "distortion_type", "pitch_wheel", "mod_wheel", "stereo_mode",
    *(f"compressor_{band}_{edge}_{kind}" for band in ("band", "high", "low") for edge in ("lower", "upper") for kind in ("ratio", "threshold")),
)  # fmt: skip
SILENCE = base64.b64encode(bytes(8192)).decode()

ENGINE = """
import json, sys
import numpy as np
import vita
synth = vita.Synth()
for number, text in enumerate(json.load(open(sys.argv[1]))):
    print(number, flush=True)
    synth.load_json(text)
    synth.render(48, 0.8, 0.02, 0.03)
print("alive")
"""


def run_in_engine(texts, folder):
    """Loads and plays texts in a process of its own; returns what it printed last."""
    path = folder / "texts.json"
    path.write_text(json.dumps(texts))
    done = subprocess.run(
        [sys.executable, "-c", ENGINE, str(path)], capture_output=True, text=True, timeout=240
    )
    last = done.stdout.split()[-1]
    return last if last == "alive" else f"died ({done.returncode}) of {texts[int(last)][:2000]}"


def changed(*path, to):
    """The plain preset with one thing changed."""
    document = copy.deepcopy(PLAIN)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return document


def setting(*path, to):
    return changed("settings", *path, to=to)


def component(**fields):
    return setting(
        "wavetables",
        0,
        "groups",
        0,
        "components",
        0,
        to={"interpolation_style": 1, "keyframes": [], **fields},
    )


def keyframe(**fields):
    return component(
        type="Wave Source", interpolation=1, keyframes=[{"position": 0, "wave_data": SILENCE, **fields}]
    )


def line(**fields):
    return setting(
        "lfos",
        0,
        to={
            "name": "x",
            "num_points": 2,
            "points": [0, 0, 1, 1],
            "powers": [0, 0],
            "smooth": False,
            **fields,
        },
    )


def audio_file(**fields):
    plain = {
        "window_size": 512,
        "fade_style": 0,
        "phase_style": 0,
        "normalize_gain": False,
        "audio_file": "AAAA",
        "random_seed": 1,
    }
    start = {"position": 0, "start_position": 0, "window_fade": 1, "window_size": 512}
    return component(
        type="Audio File Source", **{**plain, **fields, "keyframes": [{**start, **fields.get("start", {})}]}
    )


# -- what is refused ----------------------------------------------------------------------------------------------

FRAME_OF_NAN = base64.b64encode(np.full(2048, np.nan, "<f4").tobytes()).decode()
FRAME_TOO_LOUD = base64.b64encode(np.full(2048, 1e9, "<f4").tobytes()).decode()

REFUSED = {
    "no document": [],
    "no settings": {"synth_version": "1.5.3"},
    "settings a list": changed("settings", to=[]),
    "no version": changed("synth_version", to=None),
    "version a number": changed("synth_version", to=1.5),
    "version nonsense": changed("synth_version", to="new"),
    "before Vital was out": changed("synth_version", to="0.3.2"),
    "name a number": changed("preset_name", to=5),
    "half a character": changed("preset_name", to="\ud800"),
    "control a text": setting("osc_1_level", to="1"),
    "control a list": setting("osc_1_level", to=[1]),
    "control true": setting("osc_1_on", to=True),
    "control not a number": setting("osc_1_level", to=float("nan")),
    "control infinite": setting("osc_1_level", to=float("inf")),
    "control huge": setting("osc_1_level", to=10**400),
    "too much oversampling": setting("oversampling", to=9),
    "too many voices": setting("polyphony", to=1000),
    "too many chorus voices": setting("chorus_voices", to=99),
    "effects in no order": setting("effect_chain_order", to=1e9),
    "nine LFOs": setting("lfos", to=[PLAIN["settings"]["lfos"][0]] * 9),
    "an LFO a number": setting("lfos", 0, to=3),
    "LFOs an object": setting("lfos", to={}),
    "no points": line(num_points=0),
    "a million points": line(num_points=1_000_000),
    "minus points": line(num_points=-1),
    "half a point": line(num_points=2.0),
    "fewer points than said": line(num_points=3),
    "more powers than points": line(powers=[0] * 90),
    "points of text": line(points=["0", "0", "1", "1"]),
    "points far out": line(points=[0, 0, 1e30, 1]),
    "points nowhere": line(points=None),
    "65 routings": setting("modulations", to=[{"source": "", "destination": ""}] * 65),
    "a routing of nothing": setting("modulations", 0, to={}),
    "a routing of numbers": setting("modulations", 0, to={"source": 1, "destination": 2}),
    "an unknown source": setting("modulations", 0, to={"source": "lfo_9", "destination": "osc_1_level"}),
    "an unknown destination": setting("modulations", 0, to={"source": "lfo_1", "destination": "osc_4_level"}),
    "a curve that lies": setting("modulations", 0, to={"source": "lfo_1", "destination": "osc_1_level", "line_mapping": {"num_points": 50, "points": [], "powers": []}}),
    "four wavetables": setting("wavetables", to=[PLAIN["settings"]["wavetables"][0]] * 4),
    "a wavetable a text": setting("wavetables", 0, to="saw"),
    "an old wavetable": setting("wavetables", 0, "version", to="0.3.2"),
    "a wavetable without version": setting("wavetables", 0, "version", to=None),
    "groups no list": setting("wavetables", 0, "groups", to={}),
    "a thousand groups": setting("wavetables", 0, "groups", to=[{"components": []}] * 1000),
    "a component of no kind": component(),
    "a component of unknown kind": component(type="Wave Sauce"),
    "a component numbered": component(type=99_999),
    "a frame too short": keyframe(wave_data="AAAA"),
    "a frame too long": keyframe(wave_data=base64.b64encode(bytes(8196)).decode()),
    "a frame no base64": keyframe(wave_data="!" * len(SILENCE)),
    "a frame a number": keyframe(wave_data=7),
    "a frame of NaN": keyframe(wave_data=FRAME_OF_NAN),
    "a frame of bangs": keyframe(wave_data=FRAME_TOO_LOUD),
    "a frame beyond the table": keyframe(position=257),
    "a frame before the table": keyframe(position=-1),
    "a frame in between": keyframe(position=0.5),
    "frames without end": component(type="Wave Source", keyframes=[{"position": 0, "wave_data": SILENCE}] * 300),
    "a recording from before its start": audio_file(start={"start_position": -1e6}),
    "a recording from far behind": audio_file(start={"start_position": 1e12}),
    "a window of nothing": audio_file(window_size=0),
    "a fade beyond the window": audio_file(start={"window_fade": 50}),
    "a recording no base64": audio_file(audio_file="***"),
    "no sample": setting("sample", to=None),
    "a sample a text": setting("sample", to="noise"),
    "a sample shorter than it says": setting("sample", "length", to=100_000),
    "a sample longer than memory": setting("sample", "length", to=2**31),
    "a sample of minus length": setting("sample", "length", to=-1),
    "a sample of no length": setting("sample", "length", to=0),
    "a sample at no rate": setting("sample", "sample_rate", to=0),
    "a sample no base64": setting("sample", "samples", to="*" * 100_000),
    "a short right side": setting("sample", "samples_stereo", to="AAAA"),
}  # fmt: skip


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_what_could_crash_is_refused_in_one_sentence(document):
    with pytest.raises(PresetError, match="Vital preset") as error:
        check(document)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300
    assert ";" in str(error.value)  # what is wrong; what to do


@pytest.mark.parametrize("destination", UNSAFE)
def test_destinations_that_crash_are_refused(destination):
    with pytest.raises(PresetError, match=destination):
        check(setting("modulations", 0, to={"source": "lfo_1", "destination": destination}))


def test_every_control_is_kept_in_its_range():
    for n, (name, (low, high)) in enumerate(control_ranges().items()):
        beyond = {name: high + 1 if n % 2 else low - 1}
        with pytest.raises(PresetError, match=name):
            check(PLAIN | {"settings": PLAIN["settings"] | beyond})
    for end in (0, 1):
        check(
            changed(
                "settings",
                to=PLAIN["settings"] | {name: ends[end] for name, ends in control_ranges().items()},
            )
        )


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "null", "[]", "not json", "\x00", "\ud800", "{" * 100_000, "[" * 100_000, '{"settings": {"osc_1_level": NaN}}',
        '{"settings": {"x": Infinity}}', '{"settings": ' + "9" * 10_000 + "}", json.dumps(PLAIN)[:-1], json.dumps(PLAIN)[: len(json.dumps(PLAIN)) // 2],
        json.dumps(PLAIN) + "}", json.dumps(changed("settings", "x", to=json.loads("[" * 50 + "]" * 50))),
    ],
    ids=lambda text: repr(text[:20]),
)  # fmt: skip
def test_what_is_no_preset_is_refused(text):
    with pytest.raises(PresetError, match="Vital preset"):
        parse(text)


def test_a_text_without_end_is_refused():
    with pytest.raises(PresetError, match="64 MB"):
        parse(" " * (64 * 2**20 + 1))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda x: st.lists(x) | st.dictionaries(st.text(max_size=5), x),
    )
)
@settings(max_examples=40)
def test_any_json_is_refused_without_a_traceback(value):
    for key in ("settings", "synth_version"):
        with pytest.raises(PresetError):
            check({**PLAIN, key: value})


# -- what is taken ------------------------------------------------------------------------------------------------


def test_real_presets_are_taken(real_texts):
    for text in real_texts.values():
        parse(text)


def test_what_newer_vitals_add_is_taken():
    parse(json.dumps(setting("osc_1_new_knob", to=3)))
    parse(json.dumps(changed("synth_version", to="1.6.0 beta")))


PARTS = {  # one of each kind a wavetable is made of, with plausible and with extreme settings
    "Wave Source": [keyframe(), keyframe(position=256)],
    "Shepard Tone Source": [component(type="Shepard Tone Source", interpolation=1, keyframes=[{"position": 0, "wave_data": SILENCE}])],
    "Line Source": [component(type="Line Source", num_points=2, keyframes=[{"position": 0, "pull_power": 0, "line": PLAIN["settings"]["lfos"][0]}])],
    "Audio File Source": [
        audio_file(audio_file=base64.b64encode(bytes(8000)).decode(), fade_style=style, phase_style=phase, window_size=size, start={"start_position": start, "window_fade": fade})
        for style, phase, size, start, fade in ((0, 0, 512, 0, 1), (1, 1, 4, 4_000_000, 0), (2, 2, 4_000_000, 100, 0.0007), (3, 0, 2048, 3999, 0.5))
    ],
    "Phase Shift": [component(type="Phase Shift", style=s, keyframes=[{"position": 0, "phase": 1, "mix": 1}]) for s in range(5)],
    "Wave Window": [component(type="Wave Window", window_shape=s, keyframes=[{"position": 9, "left_position": 0, "right_position": 1}]) for s in range(5)],
    "Frequency Filter": [component(type="Frequency Filter", style=s, normalize=True, keyframes=[{"position": 0, "cutoff": 10 * s - 10, "shape": s / 3}]) for s in range(4)],
    "Slew Limiter": [component(type="Slew Limiter", keyframes=[{"position": 256, "up_run_rise": 0, "down_run_rise": 1000}])],
    "Wave Folder": [component(type="Wave Folder", keyframes=[{"position": 0, "fold_boost": 1000}])],
    "Wave Warp": [component(type="Wave Warp", horizontal_asymmetric=True, vertical_asymmetric=False, keyframes=[{"position": 0, "horizontal_power": 100, "vertical_power": -100}])],
}  # fmt: skip

TAKEN = [
    *(document for documents in PARTS.values() for document in documents),
    component(type="Wave Source", interpolation=0),
    setting("wavetables", to=[]),
    setting("wavetables", 0, "groups", to=[]),
    setting("wavetables", 1, "groups", to=[{"components": []}]),
    setting("wavetables", 0, to=PLAIN["settings"]["lfos"][0]),  # Vital takes a drawn line for a wavetable
    setting("lfos", to=[]),
    setting("modulations", to=[]),
    line(points=[-1, 2, 2, -1], powers=[100, -100]),
    line(num_points=100, points=[0.5] * 200, powers=[20] * 100),
    setting("sample", "length", to=1),
    setting("sample", "sample_rate", to=768_000),
    *(setting("modulations", to=[{"source": s, "destination": d}] * 64) for s, d in (("lfo_1", "lfo_1_frequency"), ("env_1", "env_1_attack"), ("macro_control_1", "modulation_1_amount"))),
]  # fmt: skip


def test_every_kind_of_component_has_an_example():
    assert PARTS.keys() == COMPONENTS.keys()


def test_the_engine_lives_through_whatever_is_taken(tmp_path):
    texts = [json.dumps(document) for document in TAKEN]
    for text in texts:
        parse(text)
    assert run_in_engine(texts, tmp_path) == "alive"


def test_the_engine_lives_through_routings_to_everything(tmp_path):
    sources, destinations = sorted(safe_sources()), sorted(safe_destinations())
    rng = np.random.default_rng(1)
    texts = []
    for chunk in range(0, len(destinations), 64):
        slots = [
            {"source": str(rng.choice(sources)), "destination": d} for d in destinations[chunk : chunk + 64]
        ]
        amounts = {f"modulation_{n}_amount": float(rng.uniform(-1, 1)) for n in range(1, 65)}
        document = setting("modulations", to=slots)
        document["settings"].update(amounts)
        texts.append(json.dumps(document))
        parse(texts[-1])
    assert run_in_engine(texts, tmp_path) == "alive"


# -- broken at random ---------------------------------------------------------------------------------------------

NASTY = [
    None,
    True,
    "",
    "x",
    [],
    {},
    -1,
    0,
    1,
    0.5,
    2,
    1e9,
    -1e9,
    1e308,
    2**31,
    2**63,
    10**30,
    "AAAA",
    [None],
    {"a": 1},
    "1.0.0",
]


def leaves(node, path=()):
    """Paths of everything in a document, controls thinned out so that they do not drown the rest."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from leaves(value, (*path, key))


def broken(document, rng):
    """A copy with one to three things replaced, removed, doubled or cut."""
    document = copy.deepcopy(document)
    paths = [p for p in leaves(document) if len(p) != 2 or rng.random() < 0.05]
    for _ in range(rng.integers(1, 4)):
        *parents, key = paths[rng.integers(len(paths))]
        place = document
        try:
            for parent in parents:
                place = place[parent]
            action = rng.integers(4)
            if action == 0:
                del place[key]
            elif action == 1 and isinstance(place[key], list):
                place[key] = place[key] * 2
            elif action == 2 and isinstance(place[key], str):
                place[key] = place[key][: len(place[key]) // 2]
            else:
                place[key] = NASTY[rng.integers(len(NASTY))]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return document


def test_random_damage_is_refused_or_survived(real_texts, tmp_path):
    rng = np.random.default_rng(20)
    documents = [PLAIN, json.loads(real_texts["Desolate"])]
    survivors, refused = [], 0
    for n in range(400):
        text = json.dumps(broken(documents[n % 2], rng))
        if n % 10 == 0:  # a damaged text, too
            at = int(rng.integers(len(text)))
            text = text[:at] + chr(int(rng.integers(32, 127))) + text[at + 1 :]
        try:
            vital_to_patch(text)
            survivors.append(text)
        except PresetError:
            refused += 1
    assert refused > 80 and len(survivors) > 40
    assert run_in_engine(survivors, tmp_path) == "alive"


def test_limits_are_not_in_the_way():
    assert MAX_SAMPLES >= 40 * 44_100
