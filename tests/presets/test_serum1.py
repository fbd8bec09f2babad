"""Serum 1 presets: every real file comes back byte for byte, and an edit changes what it means to change."""

import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presets.errors import PresetError
from presets.fxp import Fxp, decode_fxp, encode_fxp
from presets.serum1 import OSCILLATORS, Serum1, decode_serum1, read_serum1, write_serum1
from presets.serum1_chunk import Stream, pack, unpack
from presets.serum1_curves import GRAPHS, Curve, curve_names
from presets.serum1_layout import find_layout, layouts, menu_size, parameters, place, tables
from presets.serum1_matrix import Slot
from presets.serum1_state import State
from presets.tables import FRAME_SIZE
from tests.presets.serum_files import FXP, MORE, VARIABLE, damage, more

BYTES = {path.stem: path.read_bytes() for path in FXP}
NAMES = sorted(BYTES)
each_file = pytest.mark.parametrize("name", NAMES)


def opened(name):
    return decode_serum1(BYTES[name])


def state_of(name):
    return unpack(decode_fxp(BYTES[name]).chunk)[0].data


def preset_with(state, embedded=b""):
    empty = Stream(b"", b"")
    return Serum1(pack(empty.holding(bytes(state)), Stream(b"?", b"").holding(embedded)))


def old_preset(number=0.08):
    """A made-up state of the oldest size: no real one may be shipped."""
    state = bytearray(state_of("FeintSnakeEyesBass")[:20704])
    struct.pack_into("<f", state, place("format"), number)
    for k in range(16):
        struct.pack_into("<HH", state, 40 * k + 0x14, 0, 0)
        struct.pack_into("<H", state, 40 * k + 0x1A, 228)
    return preset_with(state)


def changed(before, after):
    """Offsets of the bytes of the state that differ."""
    a, b = (np.frombuffer(data, np.uint8) for data in (before, bytes(after)))
    return set(np.flatnonzero(a != b).tolist())


def words(*offsets):
    return {offset + k for offset in offsets for k in range(4)}


# -- round trips ----------------------------------------------------------------------------------------------------


@each_file
def test_untouched_files_come_back_byte_for_byte(name, tmp_path):
    path = tmp_path / "a.fxp"
    path.write_bytes(BYTES[name])
    write_serum1(path, read_serum1(path))
    assert path.read_bytes() == BYTES[name]


@pytest.mark.skipif(MORE is None, reason=f"{VARIABLE} names no folder of presets")
def test_every_file_of_a_folder_comes_back_byte_for_byte():
    paths = more("*.fxp")
    assert paths
    for path in paths:
        assert read_serum1(path).encode() == path.read_bytes(), path
        set_everything_as_it_is(read := read_serum1(path))
        assert read.encode() == path.read_bytes(), path


def set_everything_as_it_is(preset):
    state = preset.state
    preset.name = preset.name
    for text in tables()["texts"]:
        state.set_text(text, state.text(text))
    for switch in tables()["switches"]:
        state.set_switch(switch, state.switch(switch))
    for name in curve_names(state):
        preset.set_curve(name, preset.curve(name))
    for number in range(1, state.layout.n_lfos + 1):
        preset.set_lfo(number, preset.lfo(number))
    for number in range(1, state.layout.n_slots + 1):
        preset.set_slot(number, preset.slot(number))
    for oscillator in OSCILLATORS:
        if (frames := preset.table(oscillator)) is not None:
            preset.set_table(oscillator, frames)
    state.set_fx_order(state.fx_order())


@each_file
def test_setting_what_is_set_changes_nothing(name):
    preset = opened(name)
    set_everything_as_it_is(preset)
    assert preset.encode() == BYTES[name]


@each_file
def test_an_edit_taken_back_leaves_the_file_as_it_was(name):
    preset = opened(name)
    before = preset.state.raw("Fil Cutoff")
    preset.state.set_raw("Fil Cutoff", 0.123)
    assert preset.encode() != BYTES[name]
    preset.state.set_raw("Fil Cutoff", before)
    assert preset.encode() == BYTES[name]


def test_the_files_cover_every_layout_known():
    found = {(len(state_of(name)), opened(name).state.format) for name in NAMES}
    known = [layout for layout in layouts() if layout.known]
    assert {find_layout(*key) for key in found} == set(known)


# -- parameters -----------------------------------------------------------------------------------------------------


@each_file
def test_every_parameter_and_its_copies(name):
    """What the file holds agrees with its copies, and a parameter set changes those and nothing else."""
    preset = opened(name)
    for row in parameters()[: preset.state.layout.parameters]:
        before = bytes(preset.state.data)
        raw = preset.state.raw(row.name)
        assert 0 <= raw <= 1
        preset.state.set_raw(row.name, raw)
        if row.name not in DISAGREEING.get(name, ()):
            assert bytes(preset.state.data) == before, row.name
        target = 0.0 if raw > 0.5 else 1.0
        preset.state.set_raw(row.name, target)
        assert preset.state.raw(row.name) == target
        assert changed(before, preset.state.data) <= words(row.offset) | copies(preset.state, row), row.name
        preset.state.data[:] = before


DISAGREEING = {"NaoIfYouEver": ["LFO5 smooth"]}  # the record is right: docs/serum.md


def copies(state, row):
    if not row.mirror:
        return set()
    kind, at, *field = row.mirror
    if kind == "byte":
        return {at}
    if kind == "float":
        return words(at)
    return words(
        state.slot(at) + (4 if field == ["amount"] else 8)
        if kind == "slot"
        else state.lfo_field(at, field[0])
    )


def test_names_are_unique_and_offsets_ascend():
    names = [row.name for row in parameters()]
    assert len(set(names)) == len(names) == 316
    assert parameters()[227].offset + 4 <= parameters()[228].offset
    assert parameters()[315].offset == 0x4AE0 + 4 * 87


@each_file
def test_every_menu_entry_round_trips(name):
    state = opened(name).state
    for row in parameters():
        if row.index < state.layout.parameters and row.choices:
            for choice in row.choices[: menu_size(row, state.format)]:
                state.set_choice(row.name, choice)
                assert state.choice(row.name) == choice


# Read off the real files with the divisors of their format; the wrong divisor gives another name.
@pytest.mark.parametrize(
    ("name", "parameter", "choice"),
    [
        ("NordStageVlead", "Fil Type", "MG Low 18"),
        ("FeintSnakeEyesBass", "Fil Type", "L/B/H 12"),
        ("FeintSnakeEyesBass", "Dist_Mode", "Diode 2"),
        ("KommandoBass", "Dist_Mode", "Diode 1"),
    ],
)
def test_menus_by_format(name, parameter, choice):
    assert opened(name).state.choice(parameter) == choice


@each_file
def test_the_distortion_menu_agrees_with_its_byte(name):
    state = opened(name).state
    row = state.row("Dist_Mode")
    assert row.choices.index(state.choice("Dist_Mode")) == state.data[row.mirror[1]]


def test_older_formats_have_shorter_menus():
    preset = opened("NordStageVlead")
    with pytest.raises(PresetError, match="one of Tube"):
        preset.state.set_choice("Dist_Mode", "Tape Sat.")
    with pytest.raises(PresetError, match=r"format 0\.154"):
        preset.state.set_raw("LFO1 Rise", 0.5)


@pytest.mark.parametrize("raw", [-0.1, 1.1, float("nan"), float("inf")])
def test_raw_values_beyond_0_to_1_are_refused(raw):
    with pytest.raises(PresetError, match="raw value from 0 to 1"):
        opened(NAMES[0]).state.set_raw("A Vol", raw)


# -- switches, texts, effects ---------------------------------------------------------------------------------------


@each_file
def test_every_switch_round_trips_alone(name):
    state = opened(name).state
    for switch, row in tables()["switches"].items():
        before = bytes(state.data)
        low, span = row.get("low", 0.0), row.get("span", 1.0)
        for value in row.get("choices", [low, low + span]):
            state.set_switch(switch, value)
            assert state.switch(switch) == value
            allowed = words(state.layout.switches + row["at"]) | {row.get("mirror", 0)}
            assert changed(before, state.data) <= allowed
        state.data[:] = before


@pytest.mark.parametrize(
    ("name", "switch", "value"),
    [
        ("FMBassOne", "noise_one_shot", 1.0),
        ("NordStageVlead", "mono", 1.0),
        ("NordStageVlead", "polyphony", 8.0),
        ("LatelyBassClone", "filter_keytrack", 1.0),
        ("LatelyBassClone", "a4_hz", 440.0),
        ("TenetPulse", "oversampling", "2x"),
        ("KommandoBass", "sub_direct", 1.0),
    ],
)
def test_switches_of_real_files(name, switch, value):
    assert opened(name).state.switch(switch) == value


@pytest.mark.parametrize("value", [0.0, 33.0, float("nan"), "8"])
def test_switch_values_out_of_range_are_refused(value):
    with pytest.raises(PresetError, match="expected 1 to 32"):
        opened(NAMES[0]).state.set_switch("polyphony", value)


@each_file
def test_names(name):
    preset = opened(name)
    assert preset.name == name
    assert preset.state.text("author") == "Instatetragrammaton"
    preset.name = "A much longer name, of 33 letters"
    again = decode_serum1(preset.encode())
    assert again.name == "A much longer name, of 33 letters"
    assert decode_fxp(preset.encode()).program == b"A much longer name, of 33 letters"[:28]
    assert changed(state_of(name), again.state.data) <= set(range(0x4972, 0x4972 + 34))


@given(st.text(max_size=40))
def test_any_text_that_fits_round_trips(text):
    state = opened(NAMES[0]).state
    fits = len(text.encode("utf-8", "surrogatepass")) < 32 and "\0" not in text
    try:
        state.set_text("macro1", text)
    except PresetError:
        assert not fits or any(0xD800 <= ord(letter) < 0xE000 for letter in text)
        return
    assert fits
    assert state.text("macro1") == text


def test_the_order_of_effects():
    preset = opened("KohINoorSupersawLead")
    assert preset.state.fx_order()[:2] == ("Hyp", "Dist")
    assert preset.state.fx_order()[5:7] == ("Comp", "Dly")
    before = bytes(preset.state.data)
    order = tuple(reversed(preset.state.fx_order()))
    preset.state.set_fx_order(order)
    assert decode_serum1(preset.encode()).state.fx_order() == order
    assert changed(before, preset.state.data) <= set(range(0x3BE0, 0x3C08))
    with pytest.raises(PresetError, match="each of"):
        preset.state.set_fx_order(("Dist",) * 10)


# -- the matrix -----------------------------------------------------------------------------------------------------


def test_slots_of_real_files():
    slots = opened("TenetPulse").slots()
    assert len(slots) == 11
    assert slots[1] == Slot("LFO 1", "Macro 1", "Fil Cutoff", slots[1].amount, slots[1].out)
    assert slots[1].amount == pytest.approx(0.5, abs=0.001)
    assert slots[10].source == "Chaos 2"
    assert opened("KommandoBass").slot(1).bipolar


@each_file
def test_a_slot_set_changes_its_record_and_its_parameters(name):
    for number in (1, 16, 17, 32):
        preset = opened(name)
        slot = Slot("Env 2", "Mod Wheel", "EQ FrqH", -0.25, 0.5, bipolar=True, aux_inverted=True)
        preset.set_slot(number, slot)
        again = decode_serum1(preset.encode())
        assert again.slot(number) == slot
        at = preset.state.slot(number)
        amount, out = (preset.state.row(f"Mod{number:2d} {field}").offset for field in ("amt", "out"))
        assert changed(state_of(name), again.state.data) <= set(range(at, at + 0x22)) | words(amount, out)
        assert again.state.raw(f"Mod{number:2d} amt") == 0.375
        assert again.state.data[at + 0x22] == number - 1  # the slot's own number stays


@each_file
def test_an_emptied_slot_looks_as_serum_leaves_it(name):
    preset = opened(name)
    empty = next(n for n in range(1, 33) if preset.slot(n) == Slot())
    used = next((n for n in range(1, 33) if preset.slot(n).source != "none"), None)
    if used is not None:
        preset.set_slot(used, Slot())
        records = [bytes(preset.state.data[preset.state.slot(n) :][:0x1C]) for n in (used, empty)]
        assert records[0][0x14:] == records[1][0x14:]
        assert struct.unpack_from("<3f", records[0]) == (0.5, 0.0, 1.0)


def test_every_source_and_destination_round_trips():
    preset = opened("LatelyBassClone")
    for source in tables()["sources"]["new"][1:]:
        preset.set_slot(5, Slot(source, source, "A Vol", 1.0))
        assert preset.slot(5).source == preset.slot(5).aux == source
    for row in parameters():
        slot = Slot("Env 1", destination=row.name, amount=0.5)
        if row.menu is None:
            with pytest.raises(PresetError, match="destination"):
                preset.set_slot(5, slot)
        else:
            preset.set_slot(5, slot)
            assert preset.slot(5) == slot


@pytest.mark.parametrize(
    "field", [{"amount": 1.5}, {"out": -1.0}, {"curve": 300}, {"source": "Env 9"}, {"destination": "?"}]
)
def test_routings_that_cannot_be_are_refused(field):
    with pytest.raises(PresetError):
        opened(NAMES[0]).set_slot(1, replace(Slot("Env 1", destination="A Vol"), **field))


# -- curves ---------------------------------------------------------------------------------------------------------


def curves(most):
    unit = st.floats(0, 1)

    def build(n):
        points = st.lists(unit, min_size=n + 1, max_size=n + 1)
        return st.builds(
            lambda x, y, t: Curve(tuple(sorted(x)), tuple(y), tuple(t)),
            points,
            points,
            st.lists(unit, min_size=n, max_size=n),
        )

    return st.integers(1, most).flatmap(build)


@settings(max_examples=30)
@given(st.sampled_from(NAMES), st.sampled_from(["lfo1", "lfo4", "lfo5", "lfo8", *GRAPHS]), curves(12))
def test_any_curve_round_trips_and_disturbs_no_other(name, which, curve):
    preset = opened(name)
    others = {other: preset.curve(other) for other in curve_names(preset.state) if other != which}
    preset.set_curve(which, curve)
    again = decode_serum1(preset.encode())
    assert again.curve(which) == curve
    assert {other: again.curve(other) for other in others} == others
    assert [again.lfo(k).rate for k in range(1, 9)] == [opened(name).lfo(k).rate for k in range(1, 9)]


def test_real_curves():
    shapes = {k: len(opened("ILikeToMoveIt").lfo(k).curve.tension) for k in range(1, 9)}
    assert shapes == {1: 33, 2: 32, 3: 4, 4: 4, 5: 32, 6: 32, 7: 32, 8: 2}
    triangle = opened("ILikeToMoveIt").lfo(8).curve
    assert (triangle.x, triangle.y) == ((0.0, 0.5, 1.0), (1.0, 0.0, 1.0))
    assert not opened("TenetPulse").lfo(2).retrigger


def test_a_curve_has_a_most_by_layout():
    long = Curve(tuple(np.linspace(0, 1, 101)), (0.0,) * 101, (0.5,) * 100)
    with pytest.raises(PresetError, match="1 to 64"):
        opened("FMBassOne").set_curve("lfo1", long)
    preset = opened("LatelyBassClone")
    preset.set_curve("lfo1", long)
    assert preset.curve("lfo1") == long


@each_file
@pytest.mark.parametrize("number", [1, 8])
def test_every_field_of_an_lfo_round_trips(name, number):
    preset = opened(name)
    before = preset.lfo(number)
    for field in ("anchor", "hz", "dotted", "triplet", "retrigger", "envelope"):
        wanted = replace(before, **{field: not getattr(before, field)})
        preset.set_lfo(number, wanted)
        assert decode_serum1(preset.encode()).lfo(number) == wanted
        preset.set_lfo(number, before)
    assert preset.encode() == BYTES[name]
    for field in ("rate", "smooth", "delay", "rise"):
        preset.set_lfo(number, replace(preset.lfo(number), **{field: 0.25}))
    lfo = decode_serum1(preset.encode()).lfo(number)
    assert (lfo.rate, lfo.smooth, lfo.delay, lfo.rise) == (0.25,) * 4
    assert preset.state.raw(f"LFO{number} Rate") == 0.25


# -- tables ---------------------------------------------------------------------------------------------------------


def ramp(n_frames):
    return np.linspace(-1, 1, n_frames * FRAME_SIZE, dtype=np.float32).reshape(n_frames, FRAME_SIZE)


def test_real_tables():
    preset = opened("FMBassOne")
    assert preset.table("a").shape == (2, FRAME_SIZE)
    assert np.abs(preset.table("b")).max() == pytest.approx(1.0, abs=0.001)
    assert opened("FeintSnakeEyesBass").table("a") is None
    assert opened("FeintSnakeEyesBass").state.text("table_a") == "/Analog/Basic Shapes.wav"


@each_file
def test_a_table_is_embedded_beside_the_other(name):
    for oscillator, other in (("a", "b"), ("b", "a")):
        preset = opened(name)
        before = preset.table(other)
        preset.set_table(oscillator, ramp(5), interpolation=1)
        again = decode_serum1(preset.encode())
        assert np.array_equal(again.table(oscillator), ramp(5))
        assert (
            np.array_equal(again.table(other), before) if before is not None else again.table(other) is None
        )
        assert again.state.text(f"table_{oscillator}") == ""
        again.name_table(oscillator, "/User/Mine.wav")
        assert decode_serum1(again.encode()).table(oscillator) is None


def test_tables_leave_the_state_stream_packed_as_it_was_if_only_samples_change():
    preset = opened("FMBassOne")
    preset.set_table("a", ramp(2))
    once = preset.encode()
    again = decode_serum1(once)
    again.set_table("a", -ramp(2))
    assert unpack(decode_fxp(again.encode()).chunk)[0] == unpack(decode_fxp(once).chunk)[0]


@pytest.mark.parametrize(
    "frames", [ramp(257), np.zeros((2, 1024)), np.full((1, FRAME_SIZE), np.nan), np.zeros(FRAME_SIZE)]
)
def test_frames_that_are_none_are_refused(frames):
    with pytest.raises(PresetError):
        opened(NAMES[0]).set_table("a", frames)


# -- the oldest states, and hostile ones ----------------------------------------------------------------------------


def test_the_oldest_states():
    preset = old_preset()
    assert len(preset.state.raws()) == 228
    assert preset.slots() == {}
    preset.set_slot(16, Slot("Velocity", destination="A Vol", amount=1.0))
    assert preset.slot(16).source == "Velocity"
    assert preset.state.read(preset.state.slot(16) + 0x14, "<H") == 9  # 13 in newer ones
    for refused in (lambda: preset.state.switch("mono"), lambda: preset.slot(17), lambda: preset.lfo(5)):
        with pytest.raises(PresetError):
            refused()
    assert preset.lfo(4).curve.x == (0.0, 0.5, 1.0)


@pytest.mark.parametrize(("size", "number"), [(28232, 0.163), (172736, 0.156), (30000, 0.156), (28232, 9.0)])
def test_sizes_and_formats_that_do_not_go_together(size, number):
    state = bytearray(state_of("LatelyBassClone")[:size])
    struct.pack_into("<f", state, place("format"), number)
    with pytest.raises(PresetError, match="known are 20,704, 28,232, 33,872, 172,736 bytes"):
        preset_with(state)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_parameters_that_are_no_number(value):
    for name in ("MasterVol", "Dist_Mode", "LFO8 Delay"):
        state = State(state_of("LatelyBassClone"))
        state.write(state.row(name).offset, "<f", value)
        with pytest.raises(PresetError, match=f"{name} is {value}"):
            State(bytes(state.data))


@pytest.mark.parametrize("claim", [1, 8191, 2**31 - 8192, 257 * 8192, 3 * 8192])
def test_table_sizes_that_lie(claim):
    state, embedded = unpack(decode_fxp(BYTES["FMBassOne"]).chunk)
    data = bytearray(state.data)
    struct.pack_into("<I", data, place("table_bytes"), claim)
    with pytest.raises(PresetError, match="claim"):
        preset_with(data, embedded.data)


def test_tables_that_are_no_sound():
    state, embedded = unpack(decode_fxp(BYTES["FMBassOne"]).chunk)
    with pytest.raises(PresetError, match="no sound"):
        preset_with(state.data, b"\xff" * len(embedded.data))


def test_another_plugins_preset():
    data = encode_fxp(Fxp(decode_fxp(BYTES[NAMES[0]]).chunk, b"abcd"))
    with pytest.raises(PresetError, match="another plugin"):
        decode_serum1(data)


def test_a_path_is_named_in_the_error(tmp_path):
    path = tmp_path / "no.fxp"
    with pytest.raises(PresetError, match=r"no\.fxp"):
        read_serum1(path)
    path.write_bytes(b"x")
    with pytest.raises(PresetError, match=r"no\.fxp.*choose another file"):
        read_serum1(path)


def read_everything(preset):
    state = preset.state
    readers = [state.raws, state.fx_order, preset.slots]
    readers += [lambda n=name: preset.curve(n) for name in curve_names(state)]
    readers += [lambda n=number: preset.lfo(n) for number in range(1, state.layout.n_lfos + 1)]
    readers += [lambda n=name: state.switch(n) for name in tables()["switches"]]
    readers += [lambda n=name: state.text(n) for name in tables()["texts"]]
    readers += [lambda n=oscillator: preset.table(n) for oscillator in OSCILLATORS]
    for reader in readers:
        try:
            reader()
        except PresetError:
            continue


@settings(max_examples=60)
@given(st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), damage(state_of(name)))))
def test_damaged_states_give_one_error_or_a_preset(named):
    name, state = named
    embedded = unpack(decode_fxp(BYTES[name]).chunk)[1].data
    try:
        preset = preset_with(state, embedded)
    except PresetError:
        return
    read_everything(preset)
    assert preset.state.data == state
