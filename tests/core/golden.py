"""The golden tensors: weights and figures of the published WeCLIP on a tiny random CLIP.

``WECLIP_GOLDEN`` names another folder of the same layout. Sizes come from its files alone.
"""

import json
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.model import CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import load_file
from torch import Tensor

from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.classes import PUBLISHED_TEMPLATE, VOC_CLASSES
from weclip_napari.core.config import DecoderConfig, WeclipConfig
from weclip_napari.core.decoder import WeclipDecoder
from weclip_napari.core.model import WeclipModel
from weclip_napari.core.published import state_dict_from_published

OWN_SET = Path(__file__).parents[1] / "data" / "golden_a"


@dataclass(frozen=True)
class Golden:
    """One set: its ``config.json``, its arrays and its weights in float32."""

    config: dict[str, Any]
    arrays: dict[str, np.ndarray]
    weights: dict[str, Tensor]

    def __getitem__(self, name: str) -> Tensor:
        """Return an array as a tensor; half precision and unsigned types come as float or int."""
        array = self.arrays[name]
        if array.dtype == np.float16:
            array = array.astype(np.float32)
        return torch.from_numpy(np.array(array))

    def image(self, name: str) -> np.ndarray:
        """Return a uint8 array as it is."""
        return self.arrays[name]


@cache
def load_golden() -> Golden:
    """Read the set once. A missing folder is an error, never a skipped test."""
    folder = Path(os.environ.get("WECLIP_GOLDEN") or OWN_SET)
    with np.load(folder / "golden.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    weights = load_file(folder / "weights.safetensors")
    weights = {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
    return Golden(json.loads((folder / "config.json").read_text()), arrays, weights)


@cache
def golden_backbone(device: str = "cpu") -> FrozenClip:
    """Build the set's CLIP, under the published prompt and pixel constants."""
    golden = load_golden()
    config = WeclipConfig(backbone="golden", template=PUBLISHED_TEMPLATE)
    tokenizer = open_clip.get_tokenizer("ViT-B-16")
    return FrozenClip(_build_clip(golden), tokenizer, config, torch.device(device))


@cache
def golden_model(device: str = "cpu") -> WeclipModel:
    """Build the whole model, decoder included, with the set's input size."""
    golden, backbone = load_golden(), golden_backbone(device)
    state = state_dict_from_published(golden.weights)
    width = len(state["fuse.bias"])
    config = DecoderConfig(
        classes=VOC_CLASSES.names,
        in_width=backbone.width,
        taps=(1, state["fuse.weight"].shape[1] // width),
        width=width,
        layers=_depth(state, "blocks", "norm_1.weight"),
        heads=golden.config.get("dheads", 8),
    )
    decoder = WeclipDecoder(config).to(device).eval().requires_grad_(False)
    decoder.load_state_dict(state)
    settings = replace(backbone.config, input_long_side=golden.config["long"])
    return WeclipModel(backbone, decoder, settings, "golden", architecture={})


def _build_clip(golden: Golden) -> open_clip.CLIP:
    weights = {
        key.removeprefix("clip."): value
        for key, value in golden.weights.items()
        if key.startswith("clip.")
    }
    rows, ids = weights.pop("token_embedding.rows"), weights.pop("token_embedding.ids")
    table = torch.zeros(open_clip.get_tokenizer("ViT-B-16").vocab_size, rows.shape[1])
    table[ids.long()] = rows
    weights["token_embedding.weight"] = table
    clip = open_clip.CLIP(
        embed_dim=weights["text_projection"].shape[1],
        vision_cfg=_vision_config(weights, golden.config["heads"]),
        text_cfg=_text_config(weights, golden.config["theads"]),
        quick_gelu=True,
    )
    clip.load_state_dict(weights)
    return clip


def _vision_config(weights: dict[str, Tensor], heads: int) -> CLIPVisionCfg:
    width, _, patch, _ = weights["visual.conv1.weight"].shape
    side = round((len(weights["visual.positional_embedding"]) - 1) ** 0.5)
    return CLIPVisionCfg(
        layers=_depth(weights, "visual.transformer"),
        width=width,
        head_width=width // heads,
        mlp_ratio=_mlp_ratio(weights, "visual.transformer"),
        patch_size=patch,
        image_size=side * patch,
    )


def _text_config(weights: dict[str, Tensor], heads: int) -> CLIPTextCfg:
    context, width = weights["positional_embedding"].shape
    return CLIPTextCfg(
        context_length=context,
        vocab_size=len(weights["token_embedding.weight"]),
        width=width,
        heads=heads,
        layers=_depth(weights, "transformer"),
        mlp_ratio=_mlp_ratio(weights, "transformer"),
    )


def _depth(weights: dict[str, Tensor], tower: str, part: str = "ln_1.weight") -> int:
    return sum(key.startswith(tower) and key.endswith(part) for key in weights)


def _mlp_ratio(weights: dict[str, Tensor], tower: str) -> float:
    hidden, width = weights[f"{tower}.resblocks.0.mlp.c_fc.weight"].shape
    return hidden / width
