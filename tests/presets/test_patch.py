"""A Patch is whole, immutable, and says what matters in it."""

import pickle

import numpy as np
import pytest

from presets.errors import PresetError
from presets.patch import Patch
from presets.schema import N_MOD_SLOTS, wavetable_synth

FRAMES = np.zeros((4, 2048), np.float32)


def test_a_plain_patch_holds_every_default():
    patch = Patch()
    assert dict(patch.values) == wavetable_synth().defaults
    assert patch.active() == {}
    assert patch.kind == "recipe"


@pytest.mark.parametrize("note", [-1, 128])
def test_a_note_is_midi(note):
    with pytest.raises(PresetError, match="0 to 127"):
        Patch(note=note)


@pytest.mark.parametrize("values", [{"osc1.levle": -6}, {"osc1.level": 3}, {"filter1.type": "lp13"}])
def test_wrong_values_are_refused_at_the_door(values):
    with pytest.raises(PresetError, match=next(iter(values))):
        Patch(values)


def test_own_needs_its_data():
    with pytest.raises(PresetError, match=r"osc1\.table"):
        Patch({"osc1.table": "own"})
    assert Patch({"osc1.table": "own"}, assets={"osc1.table": FRAMES}).kind == "resynth"


def test_nobody_changes_a_patch():
    patch = Patch()
    with pytest.raises(TypeError):
        patch.values["osc1.level"] = -3.0
    with pytest.raises(AttributeError):
        patch.note = 61
    louder = patch.with_values({"osc1.level": -3.0}, note=61)
    assert (louder["osc1.level"], louder.note) == (-3.0, 61)
    assert (patch["osc1.level"], patch.note) == (-6.0, 60)


def test_active_is_what_differs_and_matters():
    patch = Patch({"filter1.cutoff": 900, "osc1.level": -3})
    assert patch.active() == {"osc1.level": -3.0}
    assert patch.with_values({"filter1.on": True}).active().keys() == {
        "osc1.level",
        "filter1.on",
        "filter1.cutoff",
    }


def test_canonical_forgets_what_cannot_be_heard():
    patch = Patch(
        {"osc2.table": "own", "osc2.level": -3, "lfo1.rate": 5}, assets={"osc2.table": FRAMES}
    ).canonical()
    assert dict(patch.values) == wavetable_synth().defaults
    assert patch.assets == {}
    assert patch.canonical() == patch


def test_canonical_keeps_what_can():
    heard = {
        "mod1.source": "lfo1",
        "mod1.amount": 20.0,
        "lfo1.rate": 5.0,
        "osc2.on": True,
        "osc2.table": "own",
    }
    patch = Patch(heard, assets={"osc2.table": FRAMES}).canonical()
    assert {name: patch[name] for name in heard} == heard
    assert patch.assets["osc2.table"] is FRAMES


def test_canonical_closes_gaps_between_slots():
    patch = Patch({
        "mod3.source": "lfo1", "mod3.destination": "osc1.level", "mod3.amount": -20,
        "mod5.source": "env2", "mod5.destination": "mod3.amount", "mod5.amount": 30,
    }).canonical()  # fmt: skip
    slots = [(patch[f"mod{n}.source"], patch[f"mod{n}.destination"], patch[f"mod{n}.amount"]) for n in (1, 2)]
    assert slots == [("lfo1", "osc1.level", -20.0), ("env2", "mod1.amount", 30.0)]
    assert all(patch[f"mod{n}.source"] == "none" for n in range(3, N_MOD_SLOTS + 1))


def test_values_are_what_a_text_can_carry():
    assert Patch({"filter1.cutoff": 900.123456789})["filter1.cutoff"] == 900.123


def test_it_travels_between_processes():
    patch = Patch({"osc1.table": "own"}, note=43, assets={"osc1.table": FRAMES}, name="kick", comment="low")
    back = pickle.loads(pickle.dumps(patch))
    assert (dict(back.values), back.note, back.name, back.comment) == (dict(patch.values), 43, "kick", "low")
    np.testing.assert_array_equal(back.assets["osc1.table"], FRAMES)
