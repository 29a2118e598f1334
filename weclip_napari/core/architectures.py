"""Which CLIPs can be built, by open_clip's name or from a config of their own."""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import open_clip
import torch

from weclip_napari.core import mini
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

Architecture = dict[str, Any]
"""An open_clip model config: ``embed_dim``, ``vision_cfg``, ``text_cfg``, ``quick_gelu``."""

OPENAI_VOCABULARY = 49408


def architecture_of(name: str, *, quick_gelu: bool = False) -> Architecture:
    """Return the config of an open_clip ViT.

    Parameters
    ----------
    name : str
        For example ``ViT-B-16-quickgelu`` or ``weclip-mini``.
    quick_gelu : bool
        Set where the weights were trained with quick-GELU although the name does not say so.

    Raises
    ------
    UserError
        If open_clip does not know the name, or the model is not a plain ViT with CLIP's own
        text tower.
    """
    mini.register_mini()
    config = open_clip.get_model_config(name) if ":" not in name else None
    if config is None:
        raise UserError(
            f"open_clip knows no model {name!r}. Choose one that `weclip-napari models` lists."
        )
    if reason := why_unsupported(config):
        raise UserError(
            f"{name} cannot be used: {reason}. "
            "Choose a plain ViT that `weclip-napari models` lists, such as ViT-B-16-quickgelu."
        )
    return {**config, "quick_gelu": config.get("quick_gelu", False) or quick_gelu}


def why_unsupported(config: Architecture) -> str | None:
    """Return what in a config WeCLIP cannot work with, or None."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    if "multimodal_cfg" in config:
        return "it is a CoCa, which has a captioning tower besides CLIP's two"
    if vision.get("timm_model_name"):
        return f"its image tower is timm's {vision['timm_model_name']}, not open_clip's ViT"
    if isinstance(vision.get("layers"), list):
        return "its image tower is a ResNet, and WeCLIP needs the tokens of a ViT"
    if vision.get("attentional_pool") or vision.get("final_ln_after_pool"):
        return "its image tower pools tokens in another way than CLIP"
    if text.get("hf_model_name") or text.get("hf_tokenizer_name"):
        return "its text tower or tokenizer comes from Hugging Face transformers"
    return None


def list_architectures() -> list[str]:
    """Return the names of all models that can be used, the embedded one's apart."""
    names = (name for name in open_clip.list_models() if not name.startswith("weclip-"))
    return [name for name in names if not why_unsupported(open_clip.get_model_config(name))]


def create_clip(architecture: Architecture) -> open_clip.CLIP:
    """Build a CLIP with random weights in float32 on the CPU; nothing is downloaded."""
    with _without_warning_of_random_weights():
        clip = open_clip.create_model(_register(json.dumps(architecture, sort_keys=True)))
    return clip.eval()


def tokenizer_of(architecture: Architecture) -> open_clip.SimpleTokenizer:
    """Return the tokenizer that fits the text tower.

    Raises
    ------
    UserError
        If the vocabulary is neither CLIP's nor the embedded model's.
    """
    text = architecture["text_cfg"]
    context, vocabulary = text.get("context_length", 77), text.get("vocab_size", OPENAI_VOCABULARY)
    if vocabulary == OPENAI_VOCABULARY:
        return open_clip.SimpleTokenizer(context_length=context)
    if vocabulary == mini.mini_model_config()["text_cfg"]["vocab_size"]:
        return mini.mini_tokenizer(context)
    raise UserError(
        f"The checkpoint's text tower has a vocabulary of {vocabulary} pieces, which no tokenizer "
        "of weclip-napari has. Use a model with CLIP's vocabulary."
    )


def parameter_count(architecture: Architecture) -> int:
    """Count the parameters without allocating them."""
    return _parameter_count(json.dumps({**architecture, "quick_gelu": False}, sort_keys=True))


@cache
def _parameter_count(text: str) -> int:
    with torch.device("meta"):
        clip = open_clip.CLIP(**json.loads(text))
    return sum(p.numel() for p in clip.parameters())


def names_that_fit(state: dict[str, Tensor]) -> list[str]:
    """Return the open_clip models whose weights have the names and shapes of `state`."""
    shapes = {key: value.shape for key, value in state.items()}
    width, _, patch, _ = shapes["visual.conv1.weight"]
    vision = {n: open_clip.get_model_config(n)["vision_cfg"] for n in list_architectures()}
    near = [n for n, v in vision.items() if (v["width"], v["patch_size"]) == (width, patch)]
    return [name for name in near if _shapes(name) == shapes]


@cache
def _shapes(name: str) -> dict[str, torch.Size]:
    with torch.device("meta"):
        clip = open_clip.CLIP(**open_clip.get_model_config(name))
    return {key: value.shape for key, value in clip.state_dict().items()}


def _register(text: str) -> str:
    """Make open_clip know a config under a name made from its content; return the name."""
    name = f"weclip-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if open_clip.get_model_config(name) is not None:
        return name
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.json"
        file.write_text(text, encoding="utf-8")
        open_clip.add_model_config(file)
    return name


@contextmanager
def _without_warning_of_random_weights() -> Iterator[None]:
    """Keep open_clip from warning about weights that are loaded right after."""
    root, handler = logging.getLogger(), logging.NullHandler()

    def wanted(record: logging.LogRecord) -> bool:
        return "No pretrained weights loaded" not in record.getMessage()

    root.addHandler(handler)  # else logging.warning() would install a handler of its own
    root.addFilter(wanted)
    try:
        yield
    finally:
        root.removeFilter(wanted)
        root.removeHandler(handler)
