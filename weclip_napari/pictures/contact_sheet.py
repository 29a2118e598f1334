"""One picture of many: a row of views for each image, under a line of headings."""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import ceil
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


def legend(entries: Sequence[tuple[str, Sequence[int]]], width: int) -> NDArray[np.uint8]:
    """Say what colours mean.

    Parameters
    ----------
    entries
        Texts and their colours, RGB in [0, 255].
    width
        Of the picture, in pixels; what does not fit goes into further lines.

    Returns
    -------
    ndarray of uint8, shape (H, width, 3)
        Black on white, a square of its colour before every text.
    """
    font = ImageFont.load_default(FONT_SIZE)
    places, left, top = [], GAP, GAP
    for text, _ in entries:
        right = left + LINE + ceil(font.getlength(text)) + GAP
        if right > width and left > GAP:
            left, right, top = GAP, GAP + right - left, top + LINE
        places.append((left, top))
        left = right + 2 * GAP
    picture = Image.new("RGB", (width, top + LINE), "white")
    draw = ImageDraw.Draw(picture)
    for (left, top), (text, colour) in zip(places, entries, strict=True):
        draw.rectangle((left, top + 2, left + FONT_SIZE, top + 2 + FONT_SIZE), tuple(colour))
        draw.text((left + LINE, top), text, "black", font)
    return np.asarray(picture)


def _edges(lengths: Sequence[int]) -> list[int]:
    """Return where each of the lengths begins when laid end to end, and the end of the last."""
    return [0, *accumulate(lengths)]
