"""Files of decoders and of whole models.

A decoder is one safetensors file; what it is and which backbone it belongs to stands as JSON in
the file's header. A whole model is a folder:

``config.json``
    The same JSON; here it may be edited, and it wins over the header of the decoder's file.
``clip.safetensors``
    The backbone, if it is not one that open_clip publishes; usually in half precision.
``decoder.safetensors``
    The decoder, if there is one.
``MODEL_CARD.md``
    The facts of the card for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from weclip_napari.core.decoder import WeclipDecoder
from weclip_napari.core.manifest import Manifest
from weclip_napari.core.published import is_published, published_configs, state_dict_from_published
from weclip_napari.core.weights import load_state, read_state
from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_bytes_atomically, write_text_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from weclip_napari.core.architectures import Architecture
    from weclip_napari.core.backbone import FrozenClip
    from weclip_napari.core.config import WeclipConfig
    from weclip_napari.core.model import WeclipModel

CONFIG, CLIP, DECODER, CARD = (
    "config.json",
    "clip.safetensors",
    "decoder.safetensors",
    "MODEL_CARD.md",
)
_HEADER = "weclip"


def save_decoder(
    path: Path,
    decoder: WeclipDecoder,
    backbone: FrozenClip,
    config: WeclipConfig,
    card: dict[str, Any] | None = None,
    *,
    architecture: Architecture | None = None,
    half: bool = False,
) -> None:
    """Write a decoder and its description to one safetensors file, in one step.

    Parameters
    ----------
    path : Path
        Usually ``*.safetensors``; its folder must exist.
    decoder, backbone, config, card
        What to save, what it was trained on and how, and plain JSON facts such as figures.
    architecture : dict, optional
        The backbone's open_clip config where open_clip doesn't know it by name.
    half : bool
        Store half precision, for half the size.
    """
    manifest = Manifest(config, decoder.config, architecture, backbone.fingerprint, card or {})
    write_tensors(path, decoder.state_dict(), {_HEADER: manifest.dumps()}, half=half)


def load_decoder(path: Path, backbone: FrozenClip) -> WeclipDecoder:
    """Read a decoder for a backbone, in eval mode and float32 on the backbone's device.

    Parameters
    ----------
    path : Path
        A file from `save_decoder`, or a published WeCLIP checkpoint (``*.pth``), whose
        backbone cannot be checked beyond its width and depth.

    Raises
    ------
    UserError
        If the file is unreadable or was trained on another backbone.
    """
    return build_decoder(path, read_manifest(path), backbone)


def build_decoder(path: Path, manifest: Manifest, backbone: FrozenClip) -> WeclipDecoder:
    """Read a decoder whose description is already known; see `load_decoder`."""
    _check_backbone(path, manifest, backbone)
    if manifest.decoder is None:
        raise UserError(f"{path} describes no decoder. Name a decoder's file.")
    state = read_state(path)
    if is_published(state):
        state = state_dict_from_published(state)
    decoder = WeclipDecoder(manifest.decoder)
    load_state(decoder, state, path)
    return decoder.to(backbone.device).eval()


def save_model(folder: Path, model: WeclipModel, *, clip: bool = True, half: bool = True) -> None:
    """Write a whole model to a folder, which is created.

    Parameters
    ----------
    folder : Path
        Files of the same names are replaced one by one.
    model : WeclipModel
        With or without decoder.
    clip : bool
        Whether to store the backbone; needed if open_clip does not publish it.
    half : bool
        Store half precision; position embeddings stay in single precision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if clip:
        write_tensors(folder / CLIP, model.backbone.clip.state_dict(), None, half=half)
    shape = None if model.decoder is None else model.decoder.config
    fingerprint = model.backbone.fingerprint
    manifest = Manifest(model.config, shape, model.architecture, fingerprint, model.card)
    if model.decoder is not None:
        header = {_HEADER: manifest.dumps()}
        write_tensors(folder / DECODER, model.decoder.state_dict(), header, half=half)
    write_text_atomically(folder / CARD, card_text(model.name, model.card))
    write_text_atomically(folder / CONFIG, manifest.dumps())


def card_text(name: str, card: dict[str, Any]) -> str:
    """Render a card, nested as it is, as a Markdown list."""
    return "\n".join([f"# {name}", "", *_facts(card)]) + "\n"


def _facts(card: dict[str, Any], indent: str = "") -> Iterator[str]:
    for key, value in card.items():
        if isinstance(value, dict):
            yield f"{indent}- **{key}**"
            yield from _facts(value, indent + "  ")
        else:
            yield f"{indent}- **{key}**: {value}"


def read_manifest(path: Path) -> Manifest:
    """Return what a checkpoint (folder, decoder file or published file) says about itself.

    Raises
    ------
    UserError
        If it says nothing.
    """
    if path.is_dir():
        return _read_folder_manifest(path)
    header = read_header(path)
    if header is not None:
        return Manifest.loads(header, path)
    state = read_state(path)
    if is_published(state):
        config, decoder = published_configs(state, path)
        return Manifest(config, decoder)
    raise UserError(f"{path} is no checkpoint of weclip-napari. Name a file that it saved.")


def read_header(path: Path) -> str | None:
    """Return the JSON in a decoder file's header, or None if it is another kind of file."""
    try:
        with safe_open(path, framework="pt") as file:
            header: str | None = (file.metadata() or {}).get(_HEADER)
            return header
    except (SafetensorError, OSError):
        return None


def _read_folder_manifest(folder: Path) -> Manifest:
    file = folder / CONFIG
    try:
        return Manifest.loads(file.read_text(encoding="utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file} is missing or unreadable, so {folder} is no checkpoint. "
            "Name a folder that weclip-napari saved."
        ) from error


def _check_backbone(path: Path, manifest: Manifest, backbone: FrozenClip) -> None:
    named, own = manifest.config, backbone.config
    trained_on = f"{named.backbone}/{named.pretrained}"
    if manifest.fingerprint not in (None, backbone.fingerprint):
        raise UserError(
            f"{path} was trained on the backbone {trained_on} ({manifest.fingerprint}), but the "
            f"loaded one is {own.backbone}/{own.pretrained} ({backbone.fingerprint}). "
            "Load the decoder's own backbone, or train a decoder for this one."
        )
    shape = manifest.decoder
    if shape and (shape.in_width != backbone.width or shape.taps[1] > backbone.depth):
        raise UserError(
            f"{path} reads blocks {shape.taps[0]} to {shape.taps[1]} of width {shape.in_width} "
            f"({trained_on}), but {own.backbone}/{own.pretrained} has {backbone.depth} blocks of "
            f"width {backbone.width}. Load the decoder's own backbone."
        )


def write_tensors(
    path: Path, state: dict[str, Tensor], header: dict[str, str] | None, *, half: bool
) -> None:
    """Write a state dict to a safetensors file, in one step.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.
    state : dict
        Tensors by name.
    header : dict, optional
        Text to store with them.
    half : bool
        Store half precision but for position embeddings, whose resizing fails in it on CPUs.
    """

    def stored(name: str, value: Tensor) -> Tensor:
        shrink = half and value.is_floating_point() and "positional_embedding" not in name
        return value.detach().cpu().to(torch.float16 if shrink else value.dtype).contiguous()

    tensors = {name: stored(name, value) for name, value in state.items()}
    write_bytes_atomically(path, save(tensors, metadata=header))
