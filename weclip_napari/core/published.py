"""Published WeCLIP checkpoints: their names of the decoder's weights, their configuration.

A published checkpoint holds the whole network; only its decoder is of interest, the CLIP
inside it is the one that it was trained with.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from weclip_napari.core.classes import (
    COCO_BACKGROUND,
    COCO_CLASSES,
    PUBLISHED_TEMPLATE,
    VOC_BACKGROUND,
    VOC_CLASSES,
)
from weclip_napari.core.config import AffinityConfig, DecoderConfig, WeclipConfig
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

Benchmark = Literal["voc", "coco"]

# (ours, published); # stands for the number of the tap or block.
_NAMES = (
    ("taps.#.0.", "decoder_fts_fuse.linears_modulelist.#.proj."),
    ("taps.#.2.", "decoder_fts_fuse.linears_modulelist.#.proj_2."),
    ("fuse.", "decoder_fts_fuse.linear_fuse."),
    ("blocks.#.attention.", "decoder.transformer.resblocks.#.attn."),
    ("blocks.#.norm_1.", "decoder.transformer.resblocks.#.ln_1."),
    ("blocks.#.norm_2.", "decoder.transformer.resblocks.#.ln_2."),
    ("blocks.#.mlp.0.", "decoder.transformer.resblocks.#.mlp.c_fc."),
    ("blocks.#.mlp.2.", "decoder.transformer.resblocks.#.mlp.c_proj."),
    ("predict.", "decoder.linear_pred."),
)
# 1x1 convolutions there, linear layers here.
_CONVOLUTIONS = ("fuse.weight", "predict.weight")


def is_published(state: Mapping[str, Tensor]) -> bool:
    """Tell whether the names are those of a published checkpoint."""
    return any(key.removeprefix("module.").startswith("decoder_fts_fuse.") for key in state)


def state_dict_from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename published decoder weights to those of `WeclipDecoder`; drop everything else."""
    renamed = {}
    for key, value in state.items():
        name = _rename(key.removeprefix("module."), published_to_ours=True)
        if name is not None:
            renamed[name] = value.flatten(1) if name in _CONVOLUTIONS else value
    return renamed


def state_dict_to_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename `WeclipDecoder` weights (or their gradients) to the published names and shapes."""
    renamed = {}
    for key, value in state.items():
        name = _rename(key, published_to_ours=False)
        if name is None:
            raise KeyError(key)
        renamed[name] = value[:, :, None, None] if key in _CONVOLUTIONS else value
    return renamed


def benchmark_config(config: WeclipConfig, benchmark: Benchmark) -> WeclipConfig:
    """Put what was published for PASCAL VOC 2012 or COCO 2014 in place of a model's own.

    Background words, which attention maps make the affinity, and the threshold of the boxes.
    """
    if benchmark == "voc":
        return replace(config, background_words=VOC_BACKGROUND, affinity=AffinityConfig())
    affinity = AffinityConfig(last_filter=10, box_threshold=0.7)
    return replace(config, background_words=COCO_BACKGROUND, affinity=affinity)


def published_configs(
    state: Mapping[str, Tensor], path: Path
) -> tuple[WeclipConfig, DecoderConfig]:
    """Read off a published checkpoint whether it is the VOC or the COCO model, and its sizes.

    Raises
    ------
    UserError
        If it has another number of classes; the message names `path`.
    """
    weights = state_dict_from_published(state)
    outputs = len(weights["predict.weight"])
    if outputs == len(VOC_CLASSES) + 1:
        config, classes = WeclipConfig(template=PUBLISHED_TEMPLATE), VOC_CLASSES
    elif outputs == len(COCO_CLASSES) + 1:
        config = benchmark_config(WeclipConfig(template=PUBLISHED_TEMPLATE), "coco")
        classes = COCO_CLASSES
    else:
        raise UserError(
            f"{path} has {outputs} outputs, so it is neither the VOC nor the COCO model. "
            "Only these two published checkpoints can be read."
        )
    width, in_width = weights["taps.0.0.weight"].shape
    taps = sum(name.endswith(".0.weight") and name.startswith("taps.") for name in weights)
    layers = sum(name.endswith(".norm_1.weight") for name in weights)
    return config, DecoderConfig(classes.names, in_width, (1, taps), width=width, layers=layers)


def _rename(key: str, *, published_to_ours: bool) -> str | None:
    for ours, published in _NAMES:
        old, new = (published, ours) if published_to_ours else (ours, published)
        match = re.match(re.escape(old).replace(r"\#", r"(\d+)"), key)
        if match:
            return new.replace("#", "".join(match.groups())) + key[match.end() :]
    return None
