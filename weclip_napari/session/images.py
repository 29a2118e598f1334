"""Finding, reading and writing images; of any common kind, as 8-bit RGB."""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_bytes_atomically

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
MASK_FOLDER = "weclip_masks"
"""Where annotations of a folder lie; never listed as images."""
MODEL_FOLDER = "weclip_models"
"""Where what was trained on a folder lies; never listed as images either."""
_OWN = (MASK_FOLDER, MODEL_FOLDER)
_DEEP_MODES = ("I", "F")  # "I;16" and its byte orders included
_ALPHA_MODES = ("RGBA", "LA", "PA", "La", "RGBa")


def list_images(
    folder: str | os.PathLike[str], *, skip: Collection[str | os.PathLike[str]] = ()
) -> list[Path]:
    """List the images of a folder and its sub-folders in natural order (``a2`` before ``a10``).

    Hidden files and folders, our masks and our models (``weclip_masks``, ``weclip_models``) are
    left out. No file is opened.

    Parameters
    ----------
    folder
        Where to look.
    skip
        Sub-folders to leave out, for example the one that results are written to.

    Returns
    -------
    list of Path
        At least one path; each starts with `folder`.

    Raises
    ------
    UserError
        When the folder is missing, is a file, cannot be read, or holds no image.
    """
    top = Path(folder)
    if not top.is_dir():
        what = "is a file" if top.exists() else "does not exist"
        raise UserError(f"'{top}' {what}; name a folder of images.")
    skipped = {os.path.realpath(path) for path in skip}
    try:
        found = sorted(_walk(top, skipped), key=natural_key)
    except PermissionError as error:
        raise UserError(f"'{error.filename}' cannot be read; check its permissions.") from error
    if not found:
        kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise UserError(
            f"'{top}' holds no images; put some there ({kinds}) or name another folder."
        )
    return [top / path for path in found]


def natural_key(path: str) -> list[tuple[int, int | str]]:
    """Return a sort key that orders numbers inside names by value and ignores case."""
    parts = re.split(r"(\d+)", path.casefold())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def _walk(top: Path, skipped: set[str]) -> Iterator[str]:
    """Yield paths of images relative to `top`; `skipped` also ends loops of links."""
    pending = [""]
    while pending:
        branch = pending.pop()
        place = os.path.join(top, branch)
        real = os.path.realpath(place)
        if real in skipped:
            continue
        skipped.add(real)
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name in _OWN:
                    continue
                if entry.is_dir():
                    pending.append(os.path.join(branch, entry.name))
                elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:
                    yield os.path.join(branch, entry.name)


def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read an image file as RGB.

    The orientation in the EXIF data is applied. Grey images become three equal channels, palettes
    their colours. Transparent pixels are laid on white. Grey images of more than 8 bits are
    stretched from their own minimum to their own maximum; of colours of 16 bits the upper 8 are
    kept. Of several pages the first is read.

    Parameters
    ----------
    path
        PNG, JPEG, TIFF, WebP or BMP.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        RGB in [0, 255].

    Raises
    ------
    UserError
        When the file is missing, truncated, too large (over 178 megapixels) or not an image.
    """
    with _readable(path), Image.open(path) as image:
        return _to_rgb(ImageOps.exif_transpose(image))


def read_thumbnail(path: str | os.PathLike[str], side: int) -> NDArray[np.uint8]:
    """Read an image file as a small RGB picture, turned as its EXIF data say.

    A JPEG is decoded at a fraction of its size, which takes a few milliseconds.

    Parameters
    ----------
    path
        PNG, JPEG, TIFF, WebP or BMP.
    side
        Length of the longer side at most, in pixels.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
        RGB in [0, 255].

    Raises
    ------
    UserError
        As `read_image`.
    """
    with _readable(path), Image.open(path) as image:
        image.draft("RGB", (side, side))
        small = Image.fromarray(_to_rgb(ImageOps.exif_transpose(image)))
        small.thumbnail((side, side))
        return np.asarray(small)


@contextlib.contextmanager
def _readable(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say what is wrong with an image file, and the remedy."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images and of untidy metadata; neither is the user's concern.
            warnings.simplefilter("ignore")
            yield
    except FileNotFoundError as error:
        raise UserError(f"'{path}' does not exist; check the name.") from error
    except PermissionError as error:
        raise UserError(f"'{path}' cannot be read; check its permissions.") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"'{path}' has too many pixels; cut it into tiles first.") from error
    except Exception as error:  # decoders of broken files raise almost anything
        raise UserError(
            f"'{path}' cannot be read as an image ({error}); "
            "the file may be damaged: copy it again, or save it anew as PNG or JPEG."
        ) from error


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith(_DEEP_MODES):
        grey = _stretch(np.asarray(image))
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def _stretch(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Map the finite range of an array of any type to 0..255."""
    numbers = values.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if low == high:
        return np.zeros(values.shape, np.uint8)
    scaled = (np.nan_to_num(numbers, nan=low, posinf=high, neginf=low) - low) * 255 / (high - low)
    return np.rint(scaled).astype(np.uint8)


def write_image(path: str | os.PathLike[str], image: NDArray[np.uint8]) -> None:
    """Write an RGB image (H, W, 3), uint8, in one step, as JPEG if named so, else as PNG."""
    buffer = io.BytesIO()
    jpeg = Path(path).suffix.lower() in {".jpg", ".jpeg"}
    Image.fromarray(image).save(buffer, "JPEG" if jpeg else "PNG", quality=90)
    write_bytes_atomically(path, buffer.getvalue())
