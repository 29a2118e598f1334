"""Curves of a run as a picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from weclip_napari.session.atomic import write_bytes_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOSSES = ("segmentation", "affinity", "total")
SCORES = ("pseudo_label", "decoder", "decoder_untagged")


def draw_curves(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Draw losses and scores over the steps to a PNG file.

    Parameters
    ----------
    path
        The file.
    rows
        Figures of each step as in ``metrics.csv``; scores may be None.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    for name in LOSSES:
        losses.plot([row["step"] for row in rows], [row[name] for row in rows], label=name)
    losses.set(xlabel="step", ylabel="loss")
    for name in SCORES:
        scored = [row for row in rows if row[name] is not None]
        steps = [row["step"] for row in scored]
        scores.plot(steps, [row[name] for row in scored], marker="o", label=name)
    scores.set(xlabel="step", ylabel="mIoU on held-out images, %")
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_bytes_atomically(path, buffer.getvalue())
