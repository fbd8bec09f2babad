"""Pictures for the docs, made by the program."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from presets.tables import FRAME_SIZE, TABLE_NAMES, Frames, table_frames

SHEET_COLUMNS = 4
SHEET_DPI = 80
SHEET_COLOURS = 64  # a palette keeps the file a quarter of what full colour takes
DRAWN_SAMPLES = 512  # of a frame's 2048: enough for the width of a panel
DRAWN_FRAMES = 9  # every second of 17
FRAME_OFFSET = 0.9  # how far up each next frame is drawn, in peaks


def _draw_frames(panel: Axes, frames: Frames) -> None:
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.8, len(frames)))
    t = np.arange(frames.shape[1])
    for i in reversed(range(len(frames))):  # front frames last: each hides what is behind it
        height = frames[i] + FRAME_OFFSET * i
        panel.fill_between(t, height, height.min() - FRAME_OFFSET, color="white", linewidth=0)
        panel.plot(t, height, color=colours[i], linewidth=1.0)


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
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.quantize(SHEET_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
