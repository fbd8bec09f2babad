from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install 'whispersynth[train]'")

import matplotlib.image
import numpy as np

from export.pictures import match_picture, wavetable_sheet

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_wavetable_sheet_is_a_small_picture_with_something_on_it(tmp_path):
    path = tmp_path / "sheet.png"
    wavetable_sheet(path)
    pixels = matplotlib.image.imread(path)
    assert path.stat().st_size < 300_000
    assert pixels.shape[0] > 500
    assert pixels[..., :3].std() > 0.05


def test_match_picture_is_a_small_picture_in_which_two_different_sounds_look_different(tmp_path):
    path = tmp_path / "match.png"
    match_picture(EXAMPLES / "lead.flac", EXAMPLES / "bass.flac", path, title="lead against bass")
    pixels = matplotlib.image.imread(path)[..., :3]
    left, right = np.array_split(pixels[60:-60], 2, axis=1)  # without the titles and the axis below
    assert path.stat().st_size < 300_000
    assert left.std() > 0.1
    assert right.std() > 0.1
    assert abs(left.mean() - right.mean()) > 0.01
