import pytest

pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install 'whispersynth[train]'")

import matplotlib.image

from export.pictures import wavetable_sheet


def test_wavetable_sheet_is_a_small_picture_with_something_on_it(tmp_path):
    path = tmp_path / "sheet.png"
    wavetable_sheet(path)
    pixels = matplotlib.image.imread(path)
    assert path.stat().st_size < 300_000
    assert pixels.shape[0] > 500
    assert pixels[..., :3].std() > 0.05
