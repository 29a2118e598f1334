"""Label masks as palette PNG files in the colours of PASCAL VOC."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_bytes_atomically

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

BACKGROUND = 0
IGNORE = 255
_PLAIN_MODES = ("P", "L", "1")
_WIDE_MODES = ("I", "I;16", "I;16B")


@cache
def voc_palette() -> NDArray[np.uint8]:
    """Return the 256 colours of PASCAL VOC, shape (256, 3), uint8, not writable.

    Bit ``3 j + c`` of a label id becomes bit ``7 - j`` of colour channel ``c``, so that ids close
    to each other get colours far apart.
    """
    ids = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for channel in range(3):
        for bit in range(3):
            palette[:, channel] |= (((ids >> (3 * bit + channel)) & 1) << (7 - bit)).astype(
                np.uint8
            )
    palette.flags.writeable = False
    return palette


def write_mask(path: str | os.PathLike[str], mask: NDArray[np.uint8]) -> None:
    """Write a mask as a palette PNG, in one step.

    Parameters
    ----------
    path
        The file to create or replace, ending in ``.png``.
    mask
        Shape (H, W), uint8: 0 background, 255 ignore, anything else a label id.

    Raises
    ------
    ValueError
        When `mask` has another type or number of axes.
    """
    write_bytes_atomically(path, encode_mask(mask))


def encode_mask(mask: NDArray[np.uint8]) -> bytes:
    """Give the bytes of the palette PNG that `write_mask` writes, the same for the same mask."""
    if mask.dtype != np.uint8 or mask.ndim != 2:
        raise ValueError(f"a mask is a 2-D uint8 array, not {mask.ndim}-D {mask.dtype}")
    image = Image.fromarray(mask)
    image.putpalette(voc_palette().tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def read_mask(path: str | os.PathLike[str], content: bytes | None = None) -> NDArray[np.uint8]:
    """Read label ids from a palette or grey PNG.

    Parameters
    ----------
    path
        The file.
    content
        What is in the file, where that was read before.

    Returns
    -------
    ndarray of uint8, shape (H, W)
        The stored numbers; the colours of the palette are not looked at.

    Raises
    ------
    UserError
        When the file is missing, damaged, or holds colours or numbers over 255 instead of ids.
    """
    try:
        with Image.open(path if content is None else io.BytesIO(content)) as image:
            mode, values = image.mode, np.array(image)
    except FileNotFoundError as error:
        raise UserError(f"mask '{path}' does not exist; check the name.") from error
    except Exception as error:  # decoders of broken files raise almost anything
        raise UserError(
            f"mask '{path}' cannot be read ({error}); copy or export it again."
        ) from error
    if mode in _PLAIN_MODES or (mode in _WIDE_MODES and 0 <= values.min() and values.max() <= 255):
        return values.astype(np.uint8)
    raise UserError(
        f"mask '{path}' holds colours or numbers over 255, not label ids; "
        "export it as an 8-bit palette or grey PNG."
    )
