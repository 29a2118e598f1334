"""Keeping the native libraries of torch and of OpenGL apart in one process."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys


def import_triton_apart() -> None:
    """Import triton, if there is one, so that it uses its own copy of LLVM.

    Torchvision imports triton. On Linux, Mesa's software renderer and its AMD driver have put an
    LLVM of another version among the process's global symbols once a viewer has drawn something;
    triton's calls would be bound to that one and crash. RTLD_DEEPBIND makes it look in itself
    first. After this, torch can be imported as usual.
    """
    if "triton" in sys.modules or not hasattr(os, "RTLD_DEEPBIND"):
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        with contextlib.suppress(ImportError):
            importlib.import_module("triton")
    finally:
        sys.setdlopenflags(flags)
