"""How sure the model is of a proposal: doubt, disagreement, and tags that don't fit the image.

The decoder is asked for the highest probability that it gives a class anywhere, against all of
its classes. A class that it does not know is judged by CLIP's score: a tag against the background
words alone, a class that nobody typed against the tags as well, which may explain it.

The four limits were chosen with the embedded model on 300 scenes of seed 7, a seed of the training
kind and not the held-out one. There, `PEAK_MISSING` calls 2.6 % of the visible tags and 97.5 % of
the wrong ones missing, `PEAK_FOUND` finds 93 % of the forgotten tags and 0.4 % of the classes that
are not there; `SCORE_MISSING` does 10 % and 98.5 %, `SCORE_FOUND` 43 % and none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from weclip_napari.session.annotation import Measures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from weclip_napari.core.classes import ClassSet
    from weclip_napari.core.fusion import Branch

__all__ = ["Measures", "class_peaks", "disagreement", "found_classes", "missing_tags"]

PEAK_MISSING = 0.2
PEAK_FOUND = 0.7
SCORE_MISSING = 3e-4
SCORE_FOUND = 0.05


def disagreement(decoder: Branch, scores: Tensor) -> float:
    """Return the share of the canvas where decoder and CAMs differ about tags that both know.

    Parameters
    ----------
    decoder : Branch
        Logits of the background and the tags that the decoder knows.
    scores : Tensor
        (K + 1, H', W') of the background and all tags, from the CAMs.
    """
    decoded = decoder.enlarged((scores.shape[1], scores.shape[2])).max(dim=0).indices
    seen = scores[list(decoder.ids)].max(dim=0).indices
    return float((decoded != seen).float().mean())


def class_peaks(logits: Tensor, known: ClassSet) -> dict[str, float]:
    """Return the highest probability of each class of a decoder, by its name in lower case.

    Parameters
    ----------
    logits : Tensor
        (C + 1, h, w).
    known : ClassSet
        Its C classes.
    """
    peaks = logits.softmax(dim=0)[1:].amax(dim=(1, 2))
    return {name.casefold(): peak for name, peak in zip(known.names, peaks.tolist(), strict=True)}


def missing_tags(tags: Sequence[str], peaks: dict[str, float], clip: Tensor) -> tuple[str, ...]:
    """Return the tags that nothing in the image speaks for.

    Parameters
    ----------
    tags : sequence of str
        K of them.
    peaks : dict
        From `class_peaks`.
    clip : Tensor
        (K + B,), CLIP's logits of the tags and B background words.
    """
    alone = torch.sigmoid(clip[: len(tags)] - clip[len(tags) :].logsumexp(dim=0)).tolist()
    seen = [
        peaks[tag.casefold()] >= PEAK_MISSING if tag.casefold() in peaks else score >= SCORE_MISSING
        for tag, score in zip(tags, alone, strict=True)
    ]
    return tuple(tag for tag, is_seen in zip(tags, seen, strict=True) if not is_seen)


def found_classes(
    classes: Sequence[str],
    peaks: dict[str, float],
    clip: Tensor,
    score: Callable[[Sequence[str]], Tensor],
) -> tuple[str, ...]:
    """Return the classes, none of them a tag, that the image speaks for.

    Parameters
    ----------
    classes : sequence of str
        Which to look for.
    peaks : dict
        From `class_peaks`.
    clip : Tensor
        (K + B,), CLIP's logits of the tags and background words.
    score : callable
        Gives CLIP's logits of classes that the decoder does not know.
    """
    found = {name for name in classes if peaks.get(name.casefold(), 0) >= PEAK_FOUND}
    if unknown := [name for name in classes if name.casefold() not in peaks]:
        beside = torch.sigmoid(score(unknown) - clip.logsumexp(dim=0)).tolist()
        found |= {name for name, p in zip(unknown, beside, strict=True) if p >= SCORE_FOUND}
    return tuple(name for name in classes if name in found)
