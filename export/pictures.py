"""Pictures for the docs, made by the program."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pedalboard.io import AudioFile
from PIL import Image
from scipy.signal import stft

from presets.tables import FRAME_SIZE, TABLE_NAMES, Frames, table_frames

SHEET_COLUMNS = 4
SHEET_DPI = 80
SHEET_COLOURS = 64  # a palette keeps the file a quarter of what full colour takes
DRAWN_SAMPLES = 512  # of a frame's 2048: enough for the width of a panel
DRAWN_FRAMES = 9  # every second of 17
FRAME_OFFSET = 0.9  # how far up each next frame is drawn, in peaks

MATCH_DPI = 110
MATCH_COLOURS = 128
MATCH_WINDOW_S = 0.093  # long enough to part the harmonics of a bass
MATCH_HOP_S = 0.01
MATCH_ROWS = 360  # of the picture, log-spaced in frequency
MATCH_LOW_HZ, MATCH_HIGH_HZ = 30.0, 16_000.0
MATCH_RANGE_DB = 70.0
MATCH_GROUND, MATCH_INK = "#1c1e22", "#c9ccd1"  # dark and light grey: reads on a white and on a black page


def _draw_frames(panel: Axes, frames: Frames) -> None:
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.8, len(frames)))
    t = np.arange(frames.shape[1])
    for i in reversed(range(len(frames))):  # front frames last: each hides what is behind it
        height = frames[i] + FRAME_OFFSET * i
        panel.fill_between(t, height, height.min() - FRAME_OFFSET, color="white", linewidth=0)
        panel.plot(t, height, color=colours[i], linewidth=1.0)


def _save(canvas: FigureCanvasAgg, path: Path, n_colours: int) -> None:
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.quantize(n_colours, dither=Image.Dither.NONE).save(path, optimize=True)


def wavetable_sheet(path: Path) -> None:
    """Draw every standard table as a stack of its frames, position 0 in front, to a PNG at `path`."""
    n_rows = -(-len(TABLE_NAMES) // SHEET_COLUMNS)
    figure = Figure(figsize=(3 * SHEET_COLUMNS, 2.4 * n_rows), dpi=SHEET_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(n_rows, SHEET_COLUMNS, squeeze=False).flat
    for panel in panels:
        panel.axis("off")
    for panel, name in zip(figure.axes, TABLE_NAMES, strict=False):
        frames = table_frames(name)
        every = (len(frames) - 1) // (DRAWN_FRAMES - 1)
        _draw_frames(panel, frames[::every, :: FRAME_SIZE // DRAWN_SAMPLES])
        panel.set_title(name, fontsize=10, family="monospace")
    _save(canvas, path, SHEET_COLOURS)


def _spectrogram_db(path: Path) -> tuple[NDArray[np.float64], float]:
    """Level in dB `(MATCH_ROWS, n)` of a sound file on a log-frequency grid, and its length in seconds."""
    with AudioFile(str(path)) as file:
        rate_hz, mono = file.samplerate, file.read(file.frames).mean(axis=0)
    window, hop = int(MATCH_WINDOW_S * rate_hz), int(MATCH_HOP_S * rate_hz)
    hz, _, bins = stft(mono, rate_hz, nperseg=window, noverlap=window - hop, nfft=4 * window)
    rows_hz = np.geomspace(MATCH_LOW_HZ, MATCH_HIGH_HZ, MATCH_ROWS)
    at = np.abs(hz[:, None] - rows_hz).argmin(axis=0)  # nearest bin: nfft makes them dense enough
    return 20 * np.log10(np.abs(bins[at]) + 1e-9), len(mono) / rate_hz


def _label_match(panel: Axes, name: str) -> None:
    ticks_hz = (50, 100, 200, 500, 1000, 2000, 5000, 10_000)
    octaves = np.log2(MATCH_HIGH_HZ / MATCH_LOW_HZ)
    places = [np.log2(hz / MATCH_LOW_HZ) / octaves for hz in ticks_hz]
    panel.set_yticks(places, [f"{hz / 1000:g}k" if hz >= 1000 else f"{hz}" for hz in ticks_hz])
    panel.set_xlabel("s", color=MATCH_INK)
    panel.set_title(name, fontsize=11, color=MATCH_INK, loc="left")
    panel.tick_params(colors=MATCH_INK, labelsize=8)
    panel.spines[:].set_visible(False)


def match_picture(
    clip_wav: Path,
    answer_wav: Path,
    path: Path,
    *,
    clip_name: str = "the clip",
    answer_name: str = "the patch",
    title: str = "",
) -> None:
    """Draw the spectrogram of a clip beside that of the patch that answers it, to a PNG at `path`.

    Both share one scale of levels, so a patch that is too quiet looks too dark. Time runs to the end of the shorter.
    """
    drawn = [_spectrogram_db(clip_wav), _spectrogram_db(answer_wav)]
    length_s = min(length for _, length in drawn)
    top = max(float(levels.max()) for levels, _ in drawn)
    figure = Figure(figsize=(9, 3.4), dpi=MATCH_DPI, layout="constrained", facecolor=MATCH_GROUND)
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharey=True)
    for panel, (levels, own_s), name in zip(panels, drawn, (clip_name, answer_name), strict=True):
        panel.imshow(
            levels,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=top - MATCH_RANGE_DB,
            vmax=top,
            extent=(0.0, own_s, 0.0, 1.0),
            interpolation="bilinear",
        )
        panel.set_xlim(0.0, length_s)
        _label_match(panel, name)
    panels[0].set_ylabel("Hz", color=MATCH_INK)
    if title:
        figure.suptitle(title, fontsize=12, color=MATCH_INK)
    _save(canvas, path, MATCH_COLOURS)
