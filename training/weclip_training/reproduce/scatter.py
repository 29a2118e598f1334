"""Scatter plots side by side, every class in a colour of its own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

COLOURS = 20
LEGEND_COLUMNS = 7
SIDE = 5.2
"""Of a plot, in inches."""


class Plot(NamedTuple):
    """Points of one plot.

    Attributes
    ----------
    title, caption : str
        Over and under it.
    points : ndarray of float, shape (n, 2)
        Where they lie; the axes have no meaning of their own.
    labels : ndarray of int, shape (n,)
        Label ids of their classes.
    """

    title: str
    caption: str
    points: NDArray[np.float32]
    labels: NDArray[np.intp]


def scatter_plots(plots: Sequence[Plot], names: Sequence[str]) -> NDArray[np.uint8]:
    """Draw plots in a row, over a legend of their classes.

    Parameters
    ----------
    plots
        One at least; with up to 20 classes, no two have the same colour.
    names
        ``names[i]`` is the class with label id i + 1.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The picture.
    """
    from matplotlib.figure import Figure

    labels = np.unique(np.concatenate([plot.labels for plot in plots]))
    legend_lines = -(-len(labels) // LEGEND_COLUMNS)
    size = (SIDE * len(plots), SIDE + 0.8 + 0.25 * legend_lines)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    colours = {int(label): _colour(rank) for rank, label in enumerate(labels)}
    for axes, plot in zip(figure.subplots(1, len(plots), squeeze=False)[0], plots, strict=True):
        _scatter(axes, plot, colours)
    _add_legend(figure, colours, names)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))


def _colour(rank: int) -> str:
    """Return one of matplotlib's 20 colours, the strong ones first."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    half = COLOURS // 2
    rank %= COLOURS
    return to_hex(colormaps["tab20"](2 * (rank % half) + rank // half))


def _scatter(axes: Axes, plot: Plot, colours: dict[int, str]) -> None:
    axes.set_title(plot.title, fontsize=14, pad=10)
    axes.set_xlabel(plot.caption, fontsize=11, labelpad=6)
    axes.set(xticks=[], yticks=[])
    order = np.random.default_rng(0).permutation(len(plot.labels))  # no class covers the others
    points = plot.points[order]
    shades = [colours[int(label)] for label in plot.labels[order]]
    axes.scatter(points[:, 0], points[:, 1], s=9, c=shades, linewidths=0, alpha=0.85)
    axes.set_box_aspect(1)


def _add_legend(figure: Figure, colours: dict[int, str], names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=names[label - 1])
        for label, colour in colours.items()
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), LEGEND_COLUMNS),
        frameon=False,
        fontsize=11,
        handletextpad=0.1,
        columnspacing=1.2,
    )
