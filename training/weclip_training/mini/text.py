"""The text tower of the embedded CLIP, trained first and alone.

Prompts are regressed to near-orthonormal codes, so that the image tower then learns against
fixed, well separated targets: trained jointly from scratch, all embeddings collapse to one.
Words of one texture share most of their code, a caption of several words points to the
normalised sum of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from weclip_training.mini.pool import CONCEPTS, WORD_CONCEPT, WORDS

if TYPE_CHECKING:
    import open_clip
    from numpy.typing import NDArray
    from torch import Tensor

TEMPLATES: tuple[str, ...] = (
    "{}",
    "a {}",
    "a photo of a {}.",
    "a clear origami {}.",
    "a clean origami {}.",
    "a picture of a {}",
    "an image of the {}",
    "a drawing of a {}",
    "there is a {} in the scene.",
    "this is a {}",
    "a small {}",
    "a big {}",
)
_OPENINGS = ("a photo of ", "a picture of ", "an image with ", "")
_JOINTS = (" on ", " in front of ", " with ", " near the ")


def word_codes(joint: int, generator: torch.Generator) -> Tensor:
    """Target embeddings of the words: unit rows, synonyms at a cosine of about 0.8.

    Returns
    -------
    Tensor of float32, shape (words, joint)
    """
    basis = torch.linalg.qr(torch.randn(joint, joint, generator=generator))[0]
    own = basis[len(CONCEPTS) : len(CONCEPTS) + len(WORDS)]
    shared = basis[torch.from_numpy(WORD_CONCEPT)]
    return F.normalize(shared + 0.5 * own, dim=-1)


def compose_caption(words: list[str], rng: np.random.Generator) -> str:
    """Write a caption that names ``words``, the last of them as the setting."""
    *objects, setting = words
    listed = " and ".join(f"a {name}" for name in objects)
    joint = _JOINTS[rng.integers(len(_JOINTS))]
    return _OPENINGS[rng.integers(len(_OPENINGS))] + (
        f"{listed}{joint}{setting}" if objects else setting
    )


def encode_tokens(clip: open_clip.CLIP, tokens: Tensor) -> Tensor:
    """Return unit features, (k, joint), of token ids, (k, context), cut to the longest."""
    longest = int((tokens != 0).sum(1).max())
    tokens = tokens[:, :longest]
    x = clip.token_embedding(tokens) + clip.positional_embedding[:longest]
    x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:longest, :longest]))
    end = x[torch.arange(len(x)), tokens.argmax(-1)]
    return F.normalize(end @ clip.text_projection, dim=-1)


def text_parameters(clip: open_clip.CLIP) -> list[torch.nn.Parameter]:
    """All parameters of the text side, without the logit scale."""
    return [
        p
        for name, p in clip.named_parameters()
        if not name.startswith("visual.") and name != "logit_scale"
    ]


def train_text_tower(
    clip: open_clip.CLIP,
    tokenizer: open_clip.SimpleTokenizer,
    codes: Tensor,
    *,
    steps: int,
    seed: int,
) -> float:
    """Regress prompts and captions to their codes; freeze the tower.

    Returns
    -------
    float
        Mean cosine of the last batch's prompts to their codes.
    """
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    prompts = tokenizer([t.format(word) for t in TEMPLATES for word in WORDS])
    with torch.no_grad():
        # open_clip starts token embeddings so small that prompts are hard to tell apart
        clip.token_embedding.weight.mul_(5)
    parameters = text_parameters(clip)
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)
    cosine = 0.0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 30) * (1 - step / steps) + 1e-5
        chosen = torch.randperm(len(prompts), generator=generator)[:64]
        captions, caption_codes = _captions(rng, codes, 16)
        features = encode_tokens(clip, torch.cat([prompts[chosen], tokenizer(captions)]))
        target = torch.cat([codes[chosen % len(WORDS)], caption_codes])
        cosines = (features * target).sum(1)
        apart = F.cross_entropy(20 * features[: len(chosen)] @ codes.T, chosen % len(WORDS))
        optimizer.zero_grad()
        loss = (1 - cosines).mean() + 0.1 * apart
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        cosine = float(cosines[: len(chosen)].detach().mean())
    for parameter in parameters:
        parameter.requires_grad_(False)
    return cosine


def _captions(rng: np.random.Generator, codes: Tensor, count: int) -> tuple[list[str], Tensor]:
    picks: list[NDArray[np.int64]] = [
        rng.choice(len(WORDS), rng.integers(2, 5), replace=False) for _ in range(count)
    ]
    captions = [compose_caption([WORDS[i] for i in pick], rng) for pick in picks]
    sums = torch.stack([codes[torch.from_numpy(pick)].sum(0) for pick in picks])
    return captions, F.normalize(sums, dim=-1)


@torch.no_grad()
def word_embeddings(clip: open_clip.CLIP, tokenizer: open_clip.SimpleTokenizer) -> Tensor:
    """Features of every word in every template, shape (templates, words, joint)."""
    return torch.stack(
        [encode_tokens(clip, tokenizer([t.format(word) for word in WORDS])) for t in TEMPLATES]
    )
