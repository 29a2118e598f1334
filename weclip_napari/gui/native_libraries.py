"""Getting torch's native libraries into a process that already shows a window."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK = 4 << 20
SHORT_WAITS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "5000"}
"""Environment in which threads of OpenMP that wait go to sleep after some microseconds."""


@contextlib.contextmanager
def gentle_imports() -> Iterator[None]:
    """Prepare for imports of torch inside the ``with`` block, in whatever thread.

    Torch's threads are told to sleep soon when they wait for each other, unless the user decided
    otherwise. By default they keep their processors busy for long: where the window, or another
    program, needs one too, everything then takes ten times as long. Sleeping at once would be as
    bad: waking for each of thousands of small steps takes four times as long as the steps.

    A full garbage collection stops all threads, and the more than a million objects that such
    imports make would start several. So they wait until the end, and find these objects among
    the old ones, where they belong.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.update(SHORT_WAITS)
    keep_large_blocks_apart()
    import_triton_apart()  # first: its library loads slowly after torch's
    load_torch_libraries()
    if not gc.isenabled():
        yield
        return
    has_set_aside = gc.get_freeze_count() > 0
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if not has_set_aside:
            gc.unfreeze()  # both together: all objects become old ones, without being looked at
        gc.enable()


def keep_large_blocks_apart() -> None:
    """Have the C library (glibc) map each large block of memory by itself, as it does at first.

    It otherwise learns, from the first large block that is freed, to cut such blocks out of its
    heaps, where one small block in use keeps all below it from being given back.
    """
    if sys.platform == "linux" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        with contextlib.suppress(AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


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


def load_torch_libraries() -> None:
    """Load torch's large libraries without stopping the other threads, on Linux.

    An import statement holds Python's lock while it loads a library, and torch's take up to
    seconds: the window would stand still. A plain call of `dlopen` lets the lock go, and the
    import then finds them loaded. Only libraries that know nothing of Python are loaded, in the
    order and the way of torch itself, and none where the user has a say in which are found.
    """
    if sys.platform != "linux" or "torch" in sys.modules or "LD_LIBRARY_PATH" in os.environ:
        return
    spec = importlib.util.find_spec("torch")
    folder = Path(spec.origin).parent / "lib" if spec and spec.origin else None
    if folder is None or not (folder / "libtorch.so").is_file():
        return
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    dlopen(os.fsencode(folder / "libtorch_global_deps.so"), os.RTLD_NOW | os.RTLD_GLOBAL)
    dlopen(os.fsencode(folder / "libtorch.so"), os.RTLD_NOW)
