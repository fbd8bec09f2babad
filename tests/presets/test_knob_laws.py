"""Each law of a knob and its opposite, over the whole knob, with what the tables give it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presets.knob_laws import KNOB_LAWS
from presets.serum2_binding import knobs, serum2
from presets.serum_sound import rows

EFFECTS = [law for effect in serum2()["effects"].values() for law in effect["knobs"].values()]
USED = [*rows().values(), *knobs().values(), *EFFECTS]
LAWS = sorted(
    {tuple(sorted((k, v) for k, v in law.items() if not isinstance(v, str) or k == "law")) for law in USED}
)


def test_every_law_is_used():
    assert {dict(law).get("law", "span") for law in LAWS} | {"switch"} == set(KNOB_LAWS) | {"switch"}


@given(st.sampled_from([dict(law) for law in LAWS]), st.floats(0.001, 1))
def test_there_and_back(law, raw):
    pair = KNOB_LAWS[law.get("law", "span")]
    value = pair.decode(raw, law)
    back = pair.encode(value, law)
    assert pair.decode(back, law) == pytest.approx(value, rel=1e-9, abs=1e-9)
    if law.get("law") not in ("steps", "turned", "switch"):
        assert back == pytest.approx(raw, abs=1e-6)


@given(st.floats(0, 1))
def test_a_mix_is_nothing_at_nothing_and_all_at_all(raw):
    for name in ("wet", "wet_power"):
        pair = KNOB_LAWS[name]
        assert pair.decode(0.0, {}) == 0 and pair.decode(1.0, {}) == pytest.approx(100)
        assert pair.encode(pair.decode(raw, {}), {}) == pytest.approx(raw, abs=1e-5)
