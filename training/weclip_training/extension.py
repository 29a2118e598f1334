"""A decoder for more classes, which keeps what it knows of those it has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.decoder import WeclipDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence


def extended(decoder: WeclipDecoder, classes: Sequence[str], seed: int) -> WeclipDecoder:
    """Return a copy of a decoder that has further classes behind its own.

    Parameters
    ----------
    decoder : WeclipDecoder
        Left as it is.
    classes : sequence of str
        All classes that it shall know; those it knows, in any case, keep their place and weights.
    seed : int
        Of the new classes' weights.

    Returns
    -------
    WeclipDecoder
        On the same device, in eval mode.
    """
    known = {name.casefold() for name in decoder.config.classes}
    new = tuple(name for name in classes if name.casefold() not in known)
    config = replace(decoder.config, classes=decoder.config.classes + new)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        larger = WeclipDecoder(config)
    state = {name: value.detach().cpu().clone() for name, value in decoder.state_dict().items()}
    for name in ("predict.weight", "predict.bias"):
        fresh = larger.state_dict()[name]
        state[name] = torch.cat([state[name], fresh[len(state[name]) :]])
    larger.load_state_dict(state)
    return larger.to(next(decoder.parameters()).device).eval()
