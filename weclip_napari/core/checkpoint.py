"""Loading a model by a name or a path. The one import for whoever needs a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import open_clip

from weclip_napari.core import mini
from weclip_napari.core.architectures import (
    architecture_of,
    create_clip,
    names_that_fit,
    tokenizer_of,
)
from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.config import WeclipConfig
from weclip_napari.core.device import pick_device
from weclip_napari.core.download import download, find_local, instructions, source_of
from weclip_napari.core.folders import checkpoints_folder
from weclip_napari.core.manifest import Manifest
from weclip_napari.core.model import WeclipModel
from weclip_napari.core.published import is_published
from weclip_napari.core.storage import (
    CLIP,
    CONFIG,
    DECODER,
    build_decoder,
    load_decoder,
    read_header,
    read_manifest,
    save_decoder,
    save_model,
)
from weclip_napari.core.torchscript import is_torchscript
from weclip_napari.core.untrained import random_model, tiny_architecture, untrained_twin
from weclip_napari.core.weights import clip_weights, load_clip_weights, read_state
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from weclip_napari.core.architectures import Architecture
    from weclip_napari.core.download import Progress

__all__ = [
    "WeclipModel",
    "load_decoder",
    "load_model",
    "random_model",
    "save_decoder",
    "save_model",
    "tiny_architecture",
    "untrained_twin",
]

EMBEDDED = "embedded"
OPENAI = "openai"
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


class _Request(NamedTuple):
    """How to build and where to find whatever the checkpoint itself leaves open."""

    device: str | None
    weights: Path | None
    allow_download: bool
    progress: Progress | None


def load_model(
    spec: str = EMBEDDED,
    device: str | None = None,
    *,
    weights: Path | None = None,
    allow_download: bool = False,
    progress: Progress | None = None,
) -> WeclipModel:
    """Load a model.

    Parameters
    ----------
    spec : str
        One of

        - ``"embedded"``, the small model in this package;
        - an open_clip ViT, ``"ViT-L-14/laion2b_s32b_b82k"``, or its architecture alone, then
          with OpenAI's weights or those of `weights`; such a model has no decoder;
        - a checkpoint folder or a decoder's file, by its path, or by its name in the user's
          folder of checkpoints;
        - a file with CLIP weights, if they tell which architecture they belong to.
    device : str, optional
        As for `pick_device`.
    weights : Path, optional
        A file with the backbone's weights, in place of the published ones.
    allow_download : bool
        Whether missing published weights may be fetched.
    progress : Progress, optional
        Hears about a download; by default it is shown on stderr.

    Raises
    ------
    UserError
        If the model is unknown, a file is missing or does not fit, or weights would have to be
        fetched and `allow_download` is off; the message then says how to fetch them by hand.
    """
    request = _Request(device, weights, allow_download, progress)
    if spec == EMBEDDED:
        return _load_embedded(request)
    for path in (Path(spec).expanduser(), *_in_user_folder(spec)):
        if path.is_dir():
            return _load_folder(path, path.name, request)
        if path.is_file():
            return _load_file(path, request)
    if spec.startswith((".", "/", "~")) or Path(spec).suffix in _SUFFIXES:
        raise UserError(
            f"{spec} is missing. Name a checkpoint or a model of `weclip-napari models`."
        )
    return _load_published(spec, request)


def _load_embedded(request: _Request) -> WeclipModel:
    if not (mini.FOLDER / CONFIG).is_file():
        raise UserError(
            f"The embedded model is missing from {mini.FOLDER}: reinstall weclip-napari."
        )
    return _load_folder(mini.FOLDER, EMBEDDED, request)


def _in_user_folder(name: str) -> list[Path]:
    folder = checkpoints_folder()
    return [folder / name, folder / f"{name}.safetensors"]


def _load_folder(folder: Path, name: str, request: _Request) -> WeclipModel:
    manifest = read_manifest(folder)
    stored = folder / CLIP
    if request.weights is None and (stored.is_file() or not is_fetchable(manifest.config)):
        request = request._replace(weights=stored)
    return _assemble(manifest, folder / DECODER if manifest.decoder else None, name, request)


def _load_file(path: Path, request: _Request) -> WeclipModel:
    state = None if read_header(path) else read_state(path)
    if state is None or is_published(state):
        manifest = read_manifest(path)
        if request.weights is None and not is_fetchable(manifest.config):
            raise UserError(
                f"{path} was trained on {_label(manifest.config)}, whose weights open_clip does "
                "not publish. Name a file with them as well (--weights)."
            )
        return _assemble(manifest, path, path.stem, request)
    config = WeclipConfig(backbone=_name_that_fits(state, path), pretrained=path.name)
    return _assemble(Manifest(config), None, path.stem, request._replace(weights=path))


def _load_published(spec: str, request: _Request) -> WeclipModel:
    name, _, tag = spec.partition("/")
    weights = request.weights
    config = WeclipConfig(backbone=name, pretrained=tag or (weights.name if weights else OPENAI))
    return _assemble(Manifest(config), None, _label(config), request)


def _assemble(
    manifest: Manifest, decoder: Path | None, name: str, request: _Request
) -> WeclipModel:
    config = manifest.config
    architecture = manifest.architecture or _architecture(config, request.weights)
    weights = request.weights or _published_weights(config, request)
    clip = create_clip(architecture)
    load_clip_weights(clip, weights)
    tokenizer, device = tokenizer_of(architecture), pick_device(request.device)
    backbone = FrozenClip(clip, tokenizer, config, device)
    built = None if decoder is None else build_decoder(decoder, manifest, backbone)
    return WeclipModel(backbone, built, config, name, architecture, manifest.card)


def _architecture(config: WeclipConfig, weights: Path | None) -> Architecture:
    """Take quick-GELU from the weights where the architecture's name leaves it open."""
    published = open_clip.get_pretrained_cfg(config.backbone, config.pretrained)
    by_openai = weights is not None and weights.is_file() and is_torchscript(weights)
    quick_gelu = published.get("quick_gelu", False) or by_openai
    return architecture_of(config.backbone, quick_gelu=quick_gelu)


def _published_weights(config: WeclipConfig, request: _Request) -> Path:
    source = source_of(config.backbone, config.pretrained)
    if path := find_local(source):
        return path
    if request.allow_download:
        return download(source, request.progress)
    raise UserError(f"{instructions(source)} Or allow the download (--download).")


def is_fetchable(config: WeclipConfig) -> bool:
    """Whether open_clip publishes the backbone's weights, so that no checkpoint needs them."""
    return bool(open_clip.get_pretrained_cfg(config.backbone, config.pretrained))


def _label(config: WeclipConfig) -> str:
    return f"{config.backbone}/{config.pretrained}"


def _name_that_fits(state: dict[str, Tensor], path: Path) -> str:
    """Return the one open_clip model that a file of bare CLIP weights belongs to."""
    names = names_that_fit(clip_weights(state, path))
    if "input_resolution" in state or is_torchscript(path):  # only OpenAI stored it
        names = [name for name in names if name.endswith("-quickgelu")]
    if len(names) == 1:
        return names[0]
    fitting = f"fits {' and '.join(names)}" if names else "fits no model of open_clip"
    raise UserError(
        f"{path} holds CLIP weights, but {fitting}: its shapes alone don't say which. "
        "Name the architecture as the model (--model) and this file as its weights (--weights)."
    )
