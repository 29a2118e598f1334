"""Grad-CAM by the book: autograd through the last block, one tag at a time."""

import torch
import torch.nn.functional as F
from torch import Tensor

from weclip_napari.core.backbone import FrozenClip, LayerFeatures


def channel_weights_by_autograd(
    backbone: FrozenClip, features: LayerFeatures, tags: Tensor, background: Tensor
) -> Tensor:
    """Return (K, C): mean over the patches of the gradient of each tag's probability at ln_1."""
    visual = backbone.visual
    block = visual.transformer.resblocks[-1]
    x = features.tokens[0, -1]
    z = block.ln_1(x).requires_grad_()
    x = x + block.ls_1(block.attn(z[None], z[None], z[None], need_weights=False)[0][0])
    x = x + block.ls_2(block.mlp(block.ln_2(x)))
    feature = F.normalize(visual.ln_post(x)[1:].mean(dim=0) @ visual.proj, dim=0)
    words = torch.cat([tags, background])
    probabilities = torch.softmax(backbone.logit_scale * (words @ feature), dim=0)
    gradients = [
        torch.autograd.grad(p, z, retain_graph=True)[0] for p in probabilities[: len(tags)]
    ]
    return torch.stack([g[1:].mean(dim=0) for g in gradients])
