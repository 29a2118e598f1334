"""The frozen backbone that CLIP's features are compared with (supplement, figure 2).

The paper compares with a ViT of the same size that was trained on ImageNet. Any ViT of timm or
open_clip can stand in for it, from a file on this machine; without one it is CLIP's own
architecture with random weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import timm
import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer

from weclip_napari.core.checkpoint import load_model, untrained_twin
from weclip_napari.core.network_input import input_size
from weclip_napari.core.weights import fingerprint_of, load_state, read_state
from weclip_napari.errors import UserError
from weclip_training.reproduce.patch_features import ClipFeatures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from weclip_napari.core.model import WeclipModel
    from weclip_training.reproduce.patch_features import PatchFeatures

TIMM = "timm/"
_CLASSIFIER = ("head.", "head_dist.", "fc_norm.")
"""Parts of timm's ViTs that come after the last block's tokens and are not needed."""


def other_backbone(
    model: WeclipModel, name: str | None, weights: str | None, seed: int = 0
) -> PatchFeatures:
    """Load what a model's backbone is compared with.

    Parameters
    ----------
    model : WeclipModel
        Its device and the size at which it sees images hold for the other one, too.
    name : str, optional
        ``timm/NAME``, a ViT of timm with the weights of a file, or a model as `load_model` takes
        it. By default the model's twin with random weights.
    weights : str, optional
        File of the other backbone's weights.
    seed : int
        Of the twin.

    Raises
    ------
    UserError
        If the model is unknown or no ViT, or the file is missing or does not fit.
    """
    if name is None:
        if weights is not None:
            raise UserError(f"{weights} belongs to no model; name one with --other.")
        return ClipFeatures(untrained_twin(model, seed), model.config)
    if name.startswith(TIMM):
        return TimmFeatures(name, weights, model)
    file = None if weights is None else Path(weights)
    other = load_model(name, str(model.backbone.device), weights=file)
    return ClipFeatures(other, model.config)


class TimmFeatures:
    """Patch tokens of the last block of a ViT of timm.

    Parameters
    ----------
    name : str
        ``timm/`` and the name that timm knows it by.
    weights : str or None
        A safetensors file or PyTorch checkpoint of it.
    model : WeclipModel
        Gives the device and the size of the images.

    Raises
    ------
    UserError
        If timm does not know the name or it is no ViT, or the file is missing or does not fit.
    """

    def __init__(self, name: str, weights: str | None, model: WeclipModel) -> None:
        self._vit = _loaded(name, weights).to(model.backbone.device)
        self.patch = int(self._vit.patch_embed.patch_size[0])
        self.size = (int(self._vit.embed_dim), len(self._vit.blocks))
        self.fingerprint = fingerprint_of(self._vit.state_dict())
        self.long_side = model.config.input_long_side
        self._antialias = model.config.antialias
        self._device = model.backbone.device
        self._mean, self._std = (
            torch.tensor(self._vit.pretrained_cfg[key], device=self._device).view(3, 1, 1)
            for key in ("mean", "std")
        )

    @torch.no_grad()
    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the tokens (h, w, C) of an image (H, W, 3), uint8."""
        size = input_size(image.shape[0], image.shape[1], self.long_side, self.patch)
        rows, columns = (side // self.patch * self.patch for side in size)
        pixels = self._preprocess(image, size)[..., :rows, :columns]
        (tokens,) = self._vit.forward_intermediates(pixels, indices=1, intermediates_only=True)
        array: NDArray[np.float32] = tokens[0].permute(1, 2, 0).cpu().numpy()
        return array

    def _preprocess(self, image: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
        """Normalise an image and resize it to (1, 3, *size)."""
        pixels = torch.from_numpy(image.copy()).to(self._device).permute(2, 0, 1)[None].float()
        pixels = (pixels / 255 - self._mean) / self._std
        return F.interpolate(
            pixels, size=size, mode="bilinear", align_corners=False, antialias=self._antialias
        )


def _loaded(name: str, weights: str | None) -> Any:
    vit = _created(name)
    if weights is None:
        raise UserError(
            f"{name} needs a file with its weights; name it with --other-weights. "
            f"https://huggingface.co/{name} offers model.safetensors."
        )
    state = read_state(Path(weights))
    state = {key: value for key, value in state.items() if not key.startswith(_CLASSIFIER)}
    vit.fc_norm = torch.nn.Identity()
    load_state(vit, state, Path(weights))
    return vit.float().eval().requires_grad_(False)


def _created(name: str) -> Any:
    """Build a ViT of timm with random weights; nothing is downloaded."""
    try:
        vit = timm.create_model(
            name.removeprefix(TIMM), pretrained=False, num_classes=0, dynamic_img_size=True
        )
    except RuntimeError as error:
        raise UserError(
            f"timm knows no model {name.removeprefix(TIMM)!r}; choose a ViT of "
            "`timm.list_models('vit_*')`, such as timm/vit_base_patch16_224."
        ) from error
    except TypeError:
        vit = None
    if not isinstance(vit, VisionTransformer):
        raise UserError(
            f"{name} is no plain vision transformer, which alone can be compared with CLIP's; "
            "choose one such as timm/vit_base_patch16_224."
        )
    return vit
