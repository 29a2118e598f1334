"""Which branch decides the pixels of which tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from weclip_napari.core.encoded_image import require_known
from weclip_napari.core.fusion import Branch, averaged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from weclip_napari.core.classes import ClassSet
    from weclip_napari.core.model import WeclipModel

BranchName = Literal["auto", "cam", "decoder", "both"]


def choose_branches(
    model: WeclipModel, known: ClassSet, tags: Sequence[str], wanted: BranchName
) -> tuple[str, ...]:
    """Say for each tag which branch decides its pixels: "cam", "decoder" or "both".

    Raises
    ------
    UserError
        If only the decoder may answer, but does not know a tag or does not exist.
    """
    if wanted == "cam":
        return ("cam",) * len(tags)
    if wanted == "decoder":
        require_known(model, tags)
    name = "both" if wanted == "both" else "decoder"
    return tuple(name if tag in known else "cam" for tag in tags)


def decoder_branch(logits: Tensor | None, known: ClassSet, tags: Sequence[str]) -> Branch | None:
    """Return the decoder's logits of the background and the tags that it knows, if any."""
    of_tags = {i + 1: known.label_id(tag) for i, tag in enumerate(tags) if tag in known}
    if logits is None or not of_tags:
        return None
    return Branch(logits[[0, *of_tags.values()]], (0, *of_tags), logits=True)


def deciding_branches(
    branches: Sequence[str], scores: Tensor, decoder: Branch | None
) -> list[Branch]:
    """Return the branches that decide, the decoder or its mean with the CAMs first.

    Parameters
    ----------
    branches : sequence of str
        From `choose_branches`, for K tags.
    scores : Tensor
        (K + 1, H', W') of the background and the tags, from the CAMs.
    decoder : Branch, optional
        From `decoder_branch`.
    """
    deciding = []
    if decoder is not None and set(branches) != {"cam"}:
        deciding.append(averaged(decoder, scores) if "both" in branches else decoder)
    if "cam" in branches:
        ids = [i + 1 if name == "cam" else 0 for i, name in enumerate(branches)]
        deciding.append(Branch(scores, (0, *ids)))
    return deciding
