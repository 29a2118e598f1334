"""What the predictor answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.fusion import Branch, label_map
from weclip_napari.core.postprocess import resize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weclip_napari.core.measures import Measures


@dataclass(frozen=True)
class Proposal:
    """Masks proposed for the K tags of one image, and why.

    Attributes
    ----------
    tags : tuple of str
        As typed, without blanks around them, empty ones and repetitions.
    label_map : ndarray of uint8
        (H, W) at the image's size: 0 background, i + 1 for ``tags[i]``.
    cam : ndarray of float32
        (K, h, w) in [0, 1], Grad-CAM on the patch grid.
    refined_cam : ndarray of float32
        (K, h, w) in [0, 1], the CAM spread along the affinity.
    scores : ndarray of float32
        (K,), class scores in [0, 1]: softmax over the tags and the background words.
    cam_scores : ndarray of float32
        (K + 1, H', W') of the background and the tags from the CAMs alone, at the size at which
        masks are refined.
    decoder_logits : ndarray of float32 or None
        (C + 1, h, w) of all classes of the decoder; None if it was not asked.
    canvas_uncertainty : ndarray of float32
        In [0, 1], at the size at which masks are refined: one minus the lead of the best over the
        second best probability.
    branches : tuple of str
        Per tag, ``"cam"``, ``"decoder"`` or ``"both"``: where its pixels come from.
    notes : tuple of str
        What the person should know.
    measures : Measures
        How sure the model is, and which tags don't fit the image.
    grid : tuple of int
        (h, w) patches.
    image_size : tuple of int
        (H, W) pixels.
    """

    tags: tuple[str, ...]
    label_map: NDArray[np.uint8]
    cam: NDArray[np.float32]
    refined_cam: NDArray[np.float32]
    scores: NDArray[np.float32]
    cam_scores: NDArray[np.float32]
    decoder_logits: NDArray[np.float32] | None
    canvas_uncertainty: NDArray[np.float32]
    branches: tuple[str, ...]
    notes: tuple[str, ...]
    measures: Measures
    grid: tuple[int, int]
    image_size: tuple[int, int]

    @cached_property
    def pseudo_label(self) -> NDArray[np.uint8]:
        """What the CAMs alone say, (H, W), ids as in `label_map`; decided when first asked for."""
        scores = torch.from_numpy(self.cam_scores)
        branch = Branch(scores, tuple(range(len(scores))))
        labels: NDArray[np.uint8] = label_map(
            [branch], scores.new_zeros(len(self.tags)), self.image_size
        ).numpy()
        return labels

    @property
    def uncertainty(self) -> NDArray[np.float32]:
        """The uncertainty at the image's size, (H, W) in [0, 1]; enlarged at every call."""
        return self._enlarged(self.canvas_uncertainty)

    def cam_at_image_size(self, index: int) -> NDArray[np.float32]:
        """Return the CAM of one tag, (H, W) in [0, 1]."""
        return self._enlarged(self.cam[index])

    def refined_cam_at_image_size(self, index: int) -> NDArray[np.float32]:
        """Return the refined CAM of one tag, (H, W) in [0, 1]."""
        return self._enlarged(self.refined_cam[index])

    def _enlarged(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        enlarged: NDArray[np.float32] = resize(
            torch.from_numpy(values)[None, None], self.image_size
        )[0, 0].numpy()
        return enlarged
