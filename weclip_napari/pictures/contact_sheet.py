"""One picture of many proposals: a row of views for each image, under a line of headings."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

GAP = 4
LINE = 22
FONT_SIZE = 14


def contact_sheet(
    headings: Sequence[str], rows: Sequence[tuple[str, Sequence[NDArray[np.uint8]]]]
) -> NDArray[np.uint8]:
    """Lay out pictures in columns.

    Parameters
    ----------
    headings
        One for each column.
    rows
        A caption and as many RGB pictures (h, w, 3), uint8, as there are headings. Every row is as
        high as its highest picture, every column as wide as its widest.

    Returns
    -------
    ndarray of uint8, shape (H', W', 3)
        White where there is no picture.
    """
    font = ImageFont.load_default(FONT_SIZE)
    lefts = _edges([max(row[i].shape[1] for _, row in rows) + GAP for i in range(len(headings))])
    tops = _edges([max(picture.shape[0] for picture in row) + LINE for _, row in rows])
    sheet = Image.new("RGB", (GAP + lefts[-1], LINE + tops[-1]), "white")
    draw = ImageDraw.Draw(sheet)
    for left, heading in zip(lefts, headings, strict=False):
        draw.text((GAP + left, 2), heading, "black", font)
    for (top, bottom), (caption, pictures) in zip(pairwise(tops), rows, strict=True):
        for left, picture in zip(lefts, pictures, strict=False):
            sheet.paste(Image.fromarray(picture), (GAP + left, LINE + top))
        draw.text((GAP, bottom + 1), caption, "black", font)
    return np.asarray(sheet)


def _edges(lengths: Sequence[int]) -> list[int]:
    """Return where each of the lengths begins when laid end to end, and the end of the last."""
    return [0, *accumulate(lengths)]
