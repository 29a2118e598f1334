"""The one place that decides where tensors live and in which precision the encoder runs."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from weclip_napari.errors import UserError


def pick_device(name: str | None = None) -> torch.device:
    """Return the device to compute on.

    Parameters
    ----------
    name : str, optional
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; by default a GPU if PyTorch sees one, else the CPU.

    Raises
    ------
    UserError
        If PyTorch does not know the name or cannot use the device.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()  # 'meta' makes tensors but cannot compute
    except Exception as error:  # every backend has its own ways to be missing
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"Device {name!r} cannot be used ({reason}). Use cpu instead.") from error
    return device


def encoder_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return the precision context of the frozen encoder: half on CUDA, float32 elsewhere.

    Grad-CAM, affinity and PAR must stay outside it: probabilities of 1e-5 underflow in half
    precision.
    """
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.float16)
    return nullcontext()
