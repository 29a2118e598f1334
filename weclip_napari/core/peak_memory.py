"""How much memory the work has taken."""

from __future__ import annotations

import sys

import torch


def peak_mib(device: torch.device) -> float:
    """Return the largest memory used so far: of the GPU for a GPU, else of the process.

    0 where the system does not tell.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return 0.0  # the standard library does not tell
    import resource

    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
