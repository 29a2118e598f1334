"""How long a proposal takes, compared with one pass of the bare image encoder."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.func import functional_call

from weclip_napari.core.architectures import architecture_of
from weclip_napari.core.classes import VOC_CLASSES
from weclip_napari.core.config import DecoderConfig, WeclipConfig
from weclip_napari.core.device import encoder_autocast
from weclip_napari.core.network_input import network_input
from weclip_napari.core.peak_memory import peak_mib
from weclip_napari.core.predictor import Predictor
from weclip_napari.core.untrained import random_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from weclip_napari.core.model import WeclipModel

TAGS = ("dog", "cat", "person", "horse")
RUNS = 7


def bench_propose(
    model: WeclipModel | None = None,
    *,
    size: tuple[int, int] = (384, 512),
    runs: int = RUNS,
    device: str | None = "cpu",
) -> dict[str, float]:
    """Time cold proposals and the exchange of a tag.

    The bare encoder, a cold proposal (a new image, three tags that the decoder knows) and one
    with one tag exchanged are timed in turn, so that whatever slows the machine slows all of
    them. The prompts are encoded beforehand, by the first run, which is not counted: the times
    hold for tags whose vectors are known, and a tag never used before costs one pass of the text
    encoder more.

    Parameters
    ----------
    model : WeclipModel, optional
        By default a ViT-B/16 with random weights and a decoder of published size.
    size : tuple of int
        (H, W) of the images.
    runs : int
        Of each kind; medians are returned.
    device : str, optional
        For the default model.

    Returns
    -------
    dict
        ``encode_ms``, ``cold_ms``, ``cold_over_encode``, ``retag_over_encode`` and
        ``peak_mib``, the largest memory used so far: of the process, or of the GPU.
    """
    model = model or vit_b16(device)
    predictor = Predictor(model)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(runs + 1)]
    times = [_one_run(predictor, image) for image in images][1:]  # the first warms up
    encode, cold, retag = (median(kind) for kind in zip(*times, strict=True))
    return {
        "encode_ms": 1e3 * encode,
        "cold_ms": 1e3 * cold,
        "cold_over_encode": cold / encode,
        "retag_over_encode": retag / encode,
        "peak_mib": peak_mib(model.backbone.device),
    }


def vit_b16(device: str | None = "cpu") -> WeclipModel:
    """Return a ViT-B/16 with random weights and a decoder of published size for VOC."""
    architecture = architecture_of("ViT-B-16-quickgelu")
    decoder = DecoderConfig(VOC_CLASSES.names, in_width=768, taps=(1, 11))
    return random_model(architecture, config=WeclipConfig(), decoder=decoder, device=device)


def _one_run(predictor: Predictor, image: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Return the seconds of the encoder, of a cold proposal and of a changed one."""
    model = predictor.model
    pixels = network_input(model.backbone, image, model.config)
    known = () if model.decoder is None else model.decoder.config.classes
    first, second, third, other = (*known, *TAGS)[:4]

    def cold() -> None:
        predictor.set_image(image)
        predictor.propose([first, second, third])

    return (
        _seconds(lambda: _encode_bare(model, pixels)),
        _seconds(cold),
        _seconds(lambda: predictor.propose([first, other, third])),
    )


@torch.no_grad()
def _encode_bare(model: WeclipModel, pixels: torch.Tensor) -> None:
    """Run open_clip's own image tower, with position embeddings for this size."""
    backbone = model.backbone
    grid = (pixels.shape[2] // backbone.patch, pixels.shape[3] // backbone.patch)
    positions = {"positional_embedding": backbone.positions(grid)}
    with encoder_autocast(backbone.device):
        functional_call(backbone.visual, positions, (pixels,))


def _seconds(action: Callable[[], object]) -> float:
    _wait()
    start = time.perf_counter()
    action()
    _wait()
    return time.perf_counter() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
