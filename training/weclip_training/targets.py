"""What the decoder is trained towards: people's pixels, pseudo labels elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from weclip_napari.core.losses import IGNORE
from weclip_napari.core.postprocess import resize
from weclip_napari.core.pseudo_label import label_ids
from weclip_training.augment import UNKNOWN

if TYPE_CHECKING:
    from torch import Tensor

    from weclip_training.config import AffinityTarget


def final_label(pseudo: Tensor, target: Tensor) -> Tensor:
    """Put what is known over the pseudo label.

    Parameters
    ----------
    pseudo : Tensor
        (H, W) uint8.
    target : Tensor
        (H, W) int16: label ids, 255 to ignore, `UNKNOWN` where the pseudo label decides.

    Returns
    -------
    Tensor
        (H, W) uint8.
    """
    return torch.where(target == UNKNOWN, pseudo.to(torch.int16), target).to(torch.uint8)


def agreed(pseudo: Tensor, logits: Tensor, ids: Tensor, unseen: tuple[int, ...] = ()) -> Tensor:
    """Ignore what the decoder, which may only choose among an image's tags, sees otherwise.

    A decoder that was trained on masks knows edges better than any CAM; a CAM knows what is new
    in an image better than the decoder. Where both say the same, they are nearly always right.

    Parameters
    ----------
    pseudo : Tensor
        (H, W) uint8.
    logits : Tensor
        (C + 1, h, w), of the decoder.
    ids : Tensor
        (K,) int64, label ids of the tags.
    unseen : tuple of int
        Label ids that need no agreement.

    Returns
    -------
    Tensor
        (H, W) uint8.
    """
    possible = torch.cat([ids.new_zeros(1), ids])
    enlarged = resize(logits[possible][None], (pseudo.shape[0], pseudo.shape[1]))[0]
    kept = label_ids(enlarged, ids) == pseudo
    for label_id in unseen:
        kept |= pseudo == label_id
    return torch.where(kept, pseudo, torch.full_like(pseudo, IGNORE))


def affinity_target(label: Tensor, prediction: Tensor | None, kind: AffinityTarget) -> Tensor:
    """Return the labels that supervise A_f (supplement, table 3).

    Parameters
    ----------
    label : Tensor
        (H, W) uint8, the label of the image, M_p.
    prediction : Tensor, optional
        (H, W) uint8, the decoder's argmax P; not needed for "label".
    kind : {"label", "prediction", "both"}
        Which; of "both", pixels where they differ are ignored.
    """
    if kind == "label" or prediction is None:
        return label
    if kind == "prediction":
        return prediction
    return torch.where(label == prediction, label, torch.full_like(label, IGNORE))
