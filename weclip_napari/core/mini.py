"""The embedded CLIP: a small open_clip ViT with a byte-pair vocabulary of its own.

It is an ordinary open_clip model; only its config file, vocabulary and weights lie in this
package (``weclip_napari/assets/mini``) instead of in open_clip's.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import open_clip

NAME = "weclip-mini"
FOLDER = Path(__file__).resolve().parents[1] / "assets" / "mini"


def mini_model_config() -> dict[str, Any]:
    """Return the open_clip model config (``embed_dim``, ``vision_cfg``, ``text_cfg``)."""
    config: dict[str, Any] = json.loads((FOLDER / f"{NAME}.json").read_text(encoding="utf-8"))
    return config


@cache
def register_mini() -> None:
    """Make open_clip know the model by its name, ``weclip-mini``."""
    open_clip.add_model_config(FOLDER / f"{NAME}.json")


def create_mini_clip(weights: Path | None = None) -> open_clip.CLIP:
    """Build the model in eval mode, in float32 on the CPU.

    Parameters
    ----------
    weights : Path or None
        A safetensors file with the whole model's weights in any float type; None leaves
        open_clip's random initialisation (seed it with ``torch.manual_seed``).

    Raises
    ------
    UserError
        If the file is missing, unreadable or belongs to another architecture.
    """
    from weclip_napari.core.architectures import create_clip
    from weclip_napari.core.weights import load_clip_weights

    clip = create_clip(mini_model_config())
    if weights is not None:
        load_clip_weights(clip, weights)
    return clip


def mini_tokenizer(context_length: int | None = None) -> open_clip.SimpleTokenizer:
    """Return the tokenizer of the small vocabulary; it encodes any text.

    Parameters
    ----------
    context_length : int or None
        Length of the id rows; None for the embedded model's own.
    """
    context = context_length or mini_model_config()["text_cfg"]["context_length"]
    return open_clip.SimpleTokenizer(
        bpe_path=str(FOLDER / "bpe_2048.txt.gz"), context_length=context
    )
