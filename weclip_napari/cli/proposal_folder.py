"""The folder that ``weclip-napari propose`` writes.

``masks/NAME.png`` holds label ids of ``classes.txt``, ``scores/NAME.json`` the scores and where
each tag's mask came from, ``overlays/NAME.N-TAG.cam.jpg`` and ``.refined.jpg`` the CAMs. The mask
is written last, so an image that has one is done.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.pictures.overlays import cam_overlay
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.dataset import CLASSES, read_classes
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import IGNORE, write_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from weclip_napari.core.proposal import Proposal


class ProposalFolder:
    """Names, label ids and files of the proposals for a list of images.

    Parameters
    ----------
    out
        The folder; created with the first file.
    source
        The folder that the images lie in; sub-folders are kept.
    images
        All images that proposals may be written for.
    """

    def __init__(self, out: Path, source: Path, images: Sequence[Path]) -> None:
        self.out = out
        self._source = source
        self._names = _output_names([path.relative_to(source) for path in images])
        self._labels: dict[str, int] = {}

    def is_done(self, image: Path) -> bool:
        """Whether the image has a mask here, ours or a person's."""
        return self._path("masks", image, ".png").exists()

    def set_classes(self, known: Sequence[str], tags: Iterable[str]) -> None:
        """Settle the label ids and write ``classes.txt``.

        Ids of an earlier run stay; then come the classes in `known`, then new tags by name. Upper
        and lower case are one class, as for the model.
        """
        path = self.out / CLASSES
        earlier = read_classes(path) if path.exists() else ()
        labels = {name.casefold(): label for label, name in enumerate(earlier, start=1)}
        names = list(earlier)
        for name in (*known, *sorted(set(tags))):
            if name.casefold() not in labels:
                names.append(name)
                labels[name.casefold()] = len(names)
        if len(names) >= IGNORE:
            raise UserError(
                f"{len(names)} classes are more than a mask's 254; use fewer tags a run."
            )
        self.out.mkdir(parents=True, exist_ok=True)
        write_text_atomically(path, "".join(f"{name}\n" for name in names))
        self._labels = labels

    def write(self, image: Path, pixels: NDArray[np.uint8], proposal: Proposal, model: str) -> None:
        """Write the overlays, scores and mask of an image."""
        for kind, maps in (("cam", proposal.cam), ("refined", proposal.refined_cam)):
            for number, tag in enumerate(proposal.tags, start=1):
                path = self._path("overlays", image, f".{number}-{_slug(tag)}.{kind}.jpg")
                write_image(_in_folder(path), cam_overlay(pixels, maps[number - 1]))
        scores = json.dumps(self._scores(image, proposal, model), indent=2, ensure_ascii=False)
        write_text_atomically(_in_folder(self._path("scores", image, ".json")), scores + "\n")
        mask = self.relabel(proposal)
        write_mask(_in_folder(self._path("masks", image, ".png")), mask)

    def _path(self, kind: str, image: Path, ending: str) -> Path:
        return self.out / kind / (self._names[image.relative_to(self._source)] + ending)

    def _scores(self, image: Path, proposal: Proposal, model: str) -> dict[str, Any]:
        height, width = proposal.image_size
        counts = Image.fromarray(proposal.label_map).histogram()  # bincount copies to int64
        return {
            "image": image.relative_to(self._source).as_posix(),
            "width": width,
            "height": height,
            "model": model,
            "tags": [
                {
                    "name": tag,
                    "label": self._labels[tag.casefold()],
                    "score": float(proposal.scores[index]),
                    "branch": proposal.branches[index],
                    "pixels": counts[index + 1],
                }
                for index, tag in enumerate(proposal.tags)
            ],
            "notes": list(proposal.notes),
        }

    def relabel(self, proposal: Proposal) -> NDArray[np.uint8]:
        """Return the proposal's mask in label ids of ``classes.txt``, (H, W), uint8."""
        table = np.arange(256, dtype=np.uint8)
        for index, tag in enumerate(proposal.tags):
            table[index + 1] = self._labels[tag.casefold()]
        mask: NDArray[np.uint8] = table[proposal.label_map]
        return mask


def _output_names(images: Sequence[Path]) -> dict[Path, str]:
    """Name outputs like their image without its ending, with it where two would share a name."""
    counts = Counter(path.with_suffix("") for path in images)
    return {
        path: (path if counts[path.with_suffix("")] > 1 else path.with_suffix("")).as_posix()
        for path in images
    }


def _in_folder(path: Path) -> Path:
    """Make sure that the folder of a path exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _slug(tag: str) -> str:
    return re.sub(r"[^\w-]+", "_", tag)[:40]
