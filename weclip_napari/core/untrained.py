"""Models with random weights: tiny ones for tests, and the twin that a trained one must beat."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.architectures import Architecture, create_clip, tokenizer_of
from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.config import DecoderConfig, WeclipConfig
from weclip_napari.core.decoder import WeclipDecoder
from weclip_napari.core.device import pick_device
from weclip_napari.core.model import WeclipModel

if TYPE_CHECKING:
    from collections.abc import Sequence


def tiny_architecture(
    *,
    patch: int = 8,
    width: int = 32,
    layers: int = 3,
    heads: int = 2,
    image_size: int = 32,
    quick_gelu: bool = True,
    vocabulary: int = 2048,
) -> Architecture:
    """Return the open_clip config of a ViT small enough for a test; any sizes are allowed."""
    vision = {
        "image_size": image_size,
        "layers": layers,
        "width": width,
        "head_width": width // heads,
        "patch_size": patch,
        "mlp_ratio": 2.0,
    }
    text = {"context_length": 32, "vocab_size": vocabulary, "width": 16, "heads": 2, "layers": 1}
    return {"embed_dim": 16, "quick_gelu": quick_gelu, "vision_cfg": vision, "text_cfg": text}


def random_model(
    architecture: Architecture | None = None,
    *,
    seed: int = 0,
    classes: Sequence[str] = ("disc", "ring", "star"),
    config: WeclipConfig | None = None,
    decoder: DecoderConfig | None = None,
    device: str | None = "cpu",
) -> WeclipModel:
    """Build a model with random weights; the same seed gives the same weights.

    Parameters
    ----------
    architecture : dict, optional
        An open_clip config, from `tiny_architecture` by default.
    seed : int
        Of all weights. The global random state is left as it was.
    classes : sequence of str
        Classes of a small decoder; none for a model without decoder. Unused if `decoder` is
        given.
    config : WeclipConfig, optional
        By default the published one, with images of 64 pixels.
    decoder : DecoderConfig, optional
        The decoder's shape.
    device : str, optional
        As for `pick_device`.
    """
    architecture = architecture or tiny_architecture()
    config = config or WeclipConfig(
        backbone="random", pretrained=f"seed {seed}", input_long_side=64, par_long_side=64
    )
    target = pick_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        clip = create_clip(architecture)
        backbone = FrozenClip(clip, tokenizer_of(architecture), config, target)
        if decoder is None and classes:
            decoder = _small_decoder(tuple(classes), backbone)
        built = None if decoder is None else WeclipDecoder(decoder).to(target).eval()
    return WeclipModel(backbone, built, config, f"random, seed {seed}", architecture)


def untrained_twin(model: WeclipModel, seed: int = 0) -> WeclipModel:
    """Return a model of the same shapes and configuration with random weights."""
    return random_model(
        model.architecture,
        seed=seed,
        classes=(),
        config=replace(model.config, pretrained=f"untrained, seed {seed}"),
        decoder=None if model.decoder is None else model.decoder.config,
        device=str(model.backbone.device),
    )


def _small_decoder(classes: tuple[str, ...], backbone: FrozenClip) -> DecoderConfig:
    taps = (1, backbone.depth - 1)
    return DecoderConfig(classes, backbone.width, taps, width=16, layers=1, heads=2)
