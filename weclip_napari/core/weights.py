"""Reading weight files of CLIP without ever running code that they contain."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from weclip_napari.core.torchscript import is_torchscript, read_tensors
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from torch import nn

OPENAI_VIT_B_16_SHA256 = "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "text.")
_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask", "position_ids")
_DAMAGE = (
    SafetensorError,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    KeyError,
    ValueError,
)


def fingerprint_of(state: Mapping[str, Tensor]) -> str:
    """Return a short SHA-256 of weights by name.

    They are rounded to half precision first, so that a copy stored that way counts as the same.
    """
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().half().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def load_clip_weights(clip: nn.Module, path: Path) -> None:
    """Copy a file's weights into a CLIP, converting them to the model's float type.

    Parameters
    ----------
    clip : nn.Module
        An ``open_clip.CLIP`` of the architecture that the file was made for.
    path : Path
        See `read_clip_weights`.

    Raises
    ------
    UserError
        If the file cannot be read safely or belongs to another architecture.
    """
    load_state(clip, read_clip_weights(path), path)


def read_clip_weights(path: Path) -> dict[str, Tensor]:
    """Return CLIP's weights under open_clip's names.

    Parameters
    ----------
    path : Path
        A safetensors file, a PyTorch checkpoint in the layout of OpenAI or open_clip (bare, or
        as its training saves it, any float type), or OpenAI's own ``ViT-B-16.pt``.

    Raises
    ------
    UserError
        If the file is missing, damaged, unsafe or not a CLIP.
    """
    return clip_weights(read_state(path), path)


def clip_weights(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Bring the tensors of a weights file under open_clip's names; see `read_clip_weights`."""
    state = {_strip(key): value for key, value in state.items()}
    state = {k: v for k, v in state.items() if k.rpartition(".")[2] not in _NOT_WEIGHTS}
    if any(key.startswith("vision_model.") for key in state):
        raise UserError(
            f"{path} is in the layout of Hugging Face transformers. "
            "Use the same model's file for open_clip (open_clip_model.safetensors)."
        )
    if "visual.conv1.weight" not in state or "visual.class_embedding" not in state:
        raise UserError(
            f"{path} holds no CLIP with a ViT image tower. Give a file in the layout of OpenAI or "
            "open_clip, such as ViT-B-16.pt or open_clip_model.safetensors."
        )
    return state


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a weights file by name; no code in it is ever run.

    Raises
    ------
    UserError
        If the file is missing, damaged, needs code to be read, or is a TorchScript archive
        other than OpenAI's ``ViT-B-16.pt``.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing. Put the weights file there or name another one.")
    try:
        content = _read(path)
    except _DAMAGE as error:
        raise UserError(
            f"{path} cannot be read as weights: it is damaged, or would have to run code of its "
            "own. Fetch it again, or use the same model's safetensors file."
        ) from error
    return _tensors(content)


def load_state(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Copy weights into a module; names and shapes must agree exactly.

    Raises
    ------
    UserError
        If they do not; the message names `path` and the first disagreements.
    """
    wrong = _disagreements(module.state_dict(), state)
    if wrong:
        more = f"; and {len(wrong) - 4} more" if len(wrong) > 4 else ""
        raise UserError(
            f"{path} belongs to another architecture: {'; '.join(wrong[:4])}{more}. "
            "Name the model that the file was made for."
        )
    module.load_state_dict(state)


def _disagreements(own: dict[str, Tensor], state: dict[str, Tensor]) -> list[str]:
    shapes = ((key, tuple(state[key].shape), tuple(own[key].shape)) for key in own if key in state)
    return [
        *(f"{key} is {given}, not {due}" for key, given, due in shapes if given != due),
        *(f"{key} is missing" for key in own if key not in state),
        *(f"{key} is unknown" for key in state if key not in own),
    ]


def _read(path: Path) -> Any:
    with path.open("rb") as file:
        head = file.read(16)
    if head[8:9] == b"{":  # a safetensors header is JSON after its length in 8 bytes
        return load_file(path)
    if is_torchscript(path):
        _require_openai(path)
        return read_tensors(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _require_openai(path: Path) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != OPENAI_VIT_B_16_SHA256:
        raise UserError(
            f"{path} is a TorchScript archive, which contains code, and is refused: only OpenAI's "
            f"ViT-B-16.pt with SHA-256 {OPENAI_VIT_B_16_SHA256} is accepted (this file has "
            f"{digest}). Fetch that file again, or use a safetensors file."
        )


def _tensors(content: Any) -> dict[str, Tensor]:
    for key in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    items: Iterable[tuple[Any, Any]] = content.items() if isinstance(content, dict) else ()
    return {str(key): value for key, value in items if isinstance(value, Tensor)}


def _strip(key: str) -> str:
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    return key
