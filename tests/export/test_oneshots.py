import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("vita", reason="the Vital engine has no wheel for this platform")

from companion.errors import WhisperSynthError
from companion.hearing.pitch import hz_to_note
from export import evaluate, oneshots
from export.oneshots import perform, run
from export.peers import Setup
from export.yin import f0_yin

FLUTE = 73


@pytest.fixture(scope="session")
def font() -> Path:
    """The smallest General MIDI sound font here."""
    found = sorted(Path("/usr/share/sounds/sf2").glob("*.sf2"), key=lambda path: path.stat().st_size)
    if not found or not shutil.which("fluidsynth"):
        pytest.skip(
            "no fluidsynth with a sound font (Debian and Ubuntu: apt-get install fluidsynth timgm6mb-soundfont)"
        )
    return found[0]


def test_a_one_shot_is_the_note_it_says(font):
    audio = perform(font, FLUTE, 60)
    assert audio.shape == (2, 110250) and audio.dtype == np.float32
    assert hz_to_note(f0_yin(audio)) == pytest.approx(60, abs=0.2)
    held, after = audio[:, 44100:66150], audio[:, -4410:]
    assert np.abs(held).max() > 0.02 > 0.001 > np.abs(after).max()
    np.testing.assert_array_equal(perform(font, FLUTE, 60), audio)
    assert not np.allclose(perform(font, FLUTE, 60, effects=True), audio, atol=1e-3)


def test_the_reports(font, tmp_path):
    found = run(font, tmp_path, ["any", "init"], Setup(seconds=1.0), programs=[FLUTE], notes=[60])
    first = {method: items[0]["heard"]["mss"] for method, items in found.items.items()}
    assert first["any"] < 6 < first["init"]
    data = json.loads((tmp_path / evaluate.JSON_FILE).read_text(), parse_constant=pytest.fail)
    assert data["methods"]["any"]["mss"] == pytest.approx(first["any"]) and data["soundfont"] == font.name
    assert data["items"]["any"][0]["note"] == 60 and data["items"]["any"][0]["pitch"] == "ok"
    text = (tmp_path / evaluate.TEXT_FILE).read_text()
    assert "73 flute 60" in text and f"{first['any']:.2f}" in text
    assert not (tmp_path / evaluate.UNFINISHED).exists()


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(oneshots.shutil, "which", lambda name: None)
    with pytest.raises(WhisperSynthError, match="apt-get install fluidsynth"):
        run(tmp_path / "no.sf2", tmp_path, ["init"], Setup())
    monkeypatch.setattr(oneshots.shutil, "which", lambda name: "/usr/bin/fluidsynth")
    with pytest.raises(WhisperSynthError, match=r"no\.sf2.*fluid-soundfont-gm"):
        run(tmp_path / "no.sf2", tmp_path, ["init"], Setup())
    with pytest.raises(WhisperSynthError, match="nonsense"):
        run(tmp_path / "no.sf2", tmp_path, ["nonsense"], Setup())


def test_what_is_no_sound_font_is_said(font, tmp_path):
    broken = tmp_path / "broken.sf2"
    broken.write_bytes(b"RIFF")
    with pytest.raises(WhisperSynthError, match=r"cannot play .*broken\.sf2"):
        perform(broken, FLUTE, 60)
