"""Prompt words -> unit text embeddings, computed once per prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from weclip_napari.core.backbone import FrozenClip


class PromptBank:
    """Embeddings of class words under one template.

    Parameters
    ----------
    backbone : FrozenClip
        Whose text tower to use.
    template : str
        Prompt with ``{}`` in place of the words.
    """

    def __init__(self, backbone: FrozenClip, template: str) -> None:
        self.template = template
        self._backbone = backbone
        self._cache: dict[str, Tensor] = {}

    def embed(self, words: Sequence[str]) -> Tensor:
        """Return unit vectors (k, joint) of k words, k >= 0; only new ones run the text tower."""
        new = [word for word in dict.fromkeys(words) if word not in self._cache]
        if new:
            prompts = [self.template.replace("{}", word) for word in new]
            self._cache.update(zip(new, self._backbone.encode_text(prompts), strict=True))
        if not words:
            return torch.empty(0, self._backbone.joint_width, device=self._backbone.device)
        return torch.stack([self._cache[word] for word in words])

    def embed_classes(self, classes: Sequence[Sequence[str]]) -> Tensor:
        """Return unit vectors (k, joint) of k classes: the means of the vectors of their words."""
        vectors = self.embed([word for words in classes for word in words])
        means = [
            part.mean(dim=0) for part in torch.split(vectors, [len(words) for words in classes])
        ]
        return F.normalize(torch.stack(means), dim=-1)

    def embed_class(self, words: Sequence[str]) -> Tensor:
        """Return the unit vector (joint,) of one class."""
        return self.embed_classes([words])[0]
