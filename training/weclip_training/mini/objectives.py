"""Objectives of the image tower; their only labels are what captions name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from weclip_napari.scenes import CLASSES
from weclip_training.mini.pool import CONCEPTS, WORD_CONCEPT

if TYPE_CHECKING:
    from torch import Tensor

FOREGROUND = len(CLASSES)
_CONCEPT_OF_WORD = torch.from_numpy(WORD_CONCEPT)


def pooled_loss(similarity: Tensor, positive: Tensor, weight: Tensor) -> Tensor:
    """Contrast images with texts of which several may fit, in both directions.

    The other fitting texts are left out of each softmax's denominator.

    Parameters
    ----------
    similarity : Tensor of float32, shape (images, texts)
        Scaled cosines.
    positive : Tensor of bool, shape (images, texts)
    weight : Tensor of float32, shape (texts,)
        How much each text counts.
    """
    rows = torch.ones(len(similarity))
    return _one_way(similarity, positive, weight, rows) + 0.5 * _one_way(
        similarity.T, positive.T, rows, weight
    )


def _one_way(similarity: Tensor, positive: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    negatives = similarity.masked_fill(positive, -1e4).logsumexp(1, keepdim=True)
    weight = positive.float() * columns
    mass = weight.sum(1)
    per_row = (F.softplus(negatives - similarity) * weight).sum(1) / mass.clamp_min(1e-6)
    rows = rows * (mass > 0)
    return (per_row * rows).sum() / rows.sum().clamp_min(1e-6)


def concept_log_probabilities(tokens: Tensor, words: Tensor, scale: Tensor) -> Tensor:
    """Softmax over all words for each token, words of one concept added up.

    Parameters
    ----------
    tokens : Tensor of float32, shape (b, n, joint)
        Projected tokens; normalised here.
    words : Tensor of float32, shape (words, joint)
        Unit text features.
    scale : Tensor, scalar
        exp(logit_scale).

    Returns
    -------
    Tensor of float32, shape (b, n, concepts)
    """
    logits = scale * (F.normalize(tokens, dim=-1) @ words.T)
    log_p = logits.log_softmax(-1)
    merged = torch.zeros(*log_p.shape[:2], len(CONCEPTS))
    return merged.index_add(2, _CONCEPT_OF_WORD, log_p.exp()).clamp_min(1e-7).log()


def token_loss(log_p: Tensor, present: Tensor, share: float) -> Tensor:
    """Multiple-instance loss on every token's softmax.

    The best ``share`` of the tokens of each named class must be sure of it (a quarter for a
    background), and no token may believe in what the caption does not name.

    Parameters
    ----------
    log_p : Tensor of float32, shape (b, n, concepts)
    present : Tensor of bool, shape (b, concepts)
    share : float
        In (0, 1]: 0.2 for close-ups, 0.08 for scenes.
    """
    count = log_p.shape[1]
    p = log_p.exp()
    best = p.topk(max(2, int(share * count)), dim=1).values.mean(1)
    wide = p[..., FOREGROUND:].topk(max(2, count // 4), dim=1).values.mean(1)
    best = torch.cat([best[:, :FOREGROUND], wide], dim=1)
    weight = present.float()
    weight = torch.cat([weight[:, :FOREGROUND], 0.5 * weight[:, FOREGROUND:]], dim=1)
    named = -(best.clamp_min(1e-6).log() * weight).sum() / weight.sum().clamp_min(1)
    allowed = (p * present[:, None]).sum(-1).clamp_min(1e-6)
    return named - allowed.log().mean()
