"""One picture of many proposals: a row of views for each image, under a line of headings."""

from __future__ import annotations

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
    """Lay out pictures of equal size.

    Parameters
    ----------
    headings
        One for each column.
    rows
        A caption and as many RGB pictures (H, W, 3), uint8, as there are headings.

    Returns
    -------
    ndarray of uint8, shape (H', W', 3)
        White where there is no picture.
    """
    height, width = rows[0][1][0].shape[:2]
    step = height + LINE
    size = (len(headings) * (width + GAP) + GAP, LINE + len(rows) * step)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(FONT_SIZE)
    for column, heading in enumerate(headings):
        draw.text((GAP + column * (width + GAP), 2), heading, "black", font)
    for number, (caption, pictures) in enumerate(rows):
        top = LINE + number * step
        for column, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (GAP + column * (width + GAP), top))
        draw.text((GAP, top + height + 1), caption, "black", font)
    return np.asarray(sheet)
