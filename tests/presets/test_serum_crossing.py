"""One Serum's presets as the other's: what both have comes back as it was."""

import numpy as np
import pytest

from presets.serum1 import decode_serum1, read_serum1
from presets.serum1_binding import read_sound
from presets.serum2 import decode_serum2, read_serum2
from presets.serum2_binding import read_sound as read_sound2
from presets.serum_crossing import serum1_to_serum2, serum2_to_serum1
from presets.serum_reading import active_controls, is_live
from presets.serum_sound import named_routes, switch_routes
from tests.presets.serum_files import FXP, SERUM2

STEPPED = ("Octave", "Semi")  # Serum 1 stores them off their steps


@pytest.mark.parametrize("path", FXP, ids=lambda path: path.stem)
def test_serum1_through_serum2_is_as_it_was(path):
    before = read_sound(read_serum1(path))
    there = serum1_to_serum2(read_serum1(path))
    assert there.n_lost == 0 and there.n_active > 10
    back = serum2_to_serum1(decode_serum2(there.data))
    after = read_sound(decode_serum1(back.data))
    for name in active_controls(before):
        if name in before.raws and not name.endswith(STEPPED):
            assert after.raws[name] == pytest.approx(before.raws[name], abs=2e-3), name
        elif name in before.choices:
            assert after.choices[name] == before.choices[name], name
        elif name in before.switches:
            assert after.switches[name] == pytest.approx(before.switches[name], abs=2e-3)
    slots = [[s for s in sound.slots if is_live(sound, s)] for sound in (before, after)]
    assert [(s.source, s.aux, s.destination, s.bipolar) for s in slots[0]] == [
        (s.source, s.aux, s.destination, s.bipolar) for s in slots[1]
    ]
    assert [s.amount * s.out for s in slots[0]] == pytest.approx(
        [s.amount * s.out for s in slots[1]], abs=1e-5
    )
    assert (after.name, after.author) == (before.name, before.author)
    for oscillator in "ab":
        a, b = (sound.tables[oscillator] for sound in (before, after))
        assert (a.frames is None) == (b.frames is None)
        assert a.frames is None or np.array_equal(a.frames, b.frames)
    used = {s.source for s in slots[0]}
    for number, lfo in before.lfos.items():
        if f"LFO {number}" in used:
            assert after.lfos[number].curve.y == pytest.approx(lfo.curve.y)
            assert after.lfos[number].rate == pytest.approx(lfo.rate, abs=1e-5)
            assert after.lfos[number].hz == lfo.hz and after.lfos[number].retrigger == lfo.retrigger


@pytest.mark.parametrize("path", SERUM2, ids=lambda path: path.stem)
def test_what_serum1_lacks_is_told(path):
    sound, crossing = read_sound2(read_serum2(path)), serum2_to_serum1(read_serum2(path))
    back = read_sound(decode_serum1(crossing.data))
    for name in ("A Vol", "Env1 Atk", "Env1 Rel", "Fil Cutoff", "MasterVol"):
        assert back.raws[name] == pytest.approx(sound.raws[name], abs=1e-4), name
    third = sound.raws["Osc C On"] >= 0.5
    assert any("Osc C On" in text for text in crossing.lost) == third
    assert (crossing.n_lost > 0) == bool(crossing.lost)


def test_routes_by_name_and_by_switch():
    sound = read_sound(read_serum1(FXP[0]))
    routes = named_routes(sound)
    sound.routes = routes
    switch_routes(sound)
    assert not sound.routes and named_routes(sound) == routes
