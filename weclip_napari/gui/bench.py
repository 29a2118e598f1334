"""How quick the annotator feels, in a real window: from the user's event to the new layers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import psutil
from qtpy.QtCore import Qt

from weclip_napari.gui.bench_window import BenchWindow
from weclip_napari.gui.event_loop import EventLoopWatch
from weclip_napari.scenes import write_scenes
from weclip_napari.session.images import write_image

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str], None]

SEED, SIDE = 2027, 512
SCENES, STROLL = 14, 8
REPEATS = 15
CHANGES, MEMORY_MIB = 200, 128
MANY = 10_000
BLOCKED_MS = 100

WHAT = {
    "slider_ms": "arrow key on a threshold's slider → new proposal in the layers",
    "tag_edit_ms": "Enter after one more tag → new proposal in the layers",
    "next_prefetched_ms": "key of 'next', neighbour got ready → its picture and proposal shown",
    "max_event_loop_gap_ms": (
        "longest time that the window could not react while images that nobody prefetched are "
        "encoded, shown, painted on, accepted and saved"
    ),
    "list_10000_s": "a folder of 10,000 images named → its table and the first image shown",
    "rss_growth_200_images_mib": (
        f"memory after {CHANGES} changes of image minus before; at most {MEMORY_MIB} MiB of it "
        "is the cache of encoded images"
    ),
}
"""What each figure is measured from and to."""


def bench_gui(say: Say) -> dict[str, float]:
    """Work on drawn scenes of 512 x 512 in a window of napari with the embedded model.

    Parameters
    ----------
    say
        Is told what goes on.

    Returns
    -------
    dict
        The figures that `WHAT` explains; times of single events are medians.

    Raises
    ------
    UserError
        When the annotator does not answer in time.
    """
    with tempfile.TemporaryDirectory() as place:
        say("drawing scenes")
        scenes, others = Path(place, "scenes"), Path(place, "others")
        write_scenes(scenes, SCENES, SEED, SIDE)
        write_scenes(others, STROLL, SEED + 1, SIDE)
        many = _many_images(Path(place, "many"))
        with BenchWindow(Path(place, "kept"), MEMORY_MIB) as window:
            say("opening the window")
            window.open_folder(scenes)
            say("moving a slider, typing tags, going on")
            figures = {
                "slider_ms": _slider(window),
                "tag_edit_ms": _tag_edit(window),
                "next_prefetched_ms": _next(window),
            }
            say("encoding, painting and saving")
            figures["max_event_loop_gap_ms"] = _gap(window, others, say)
            say(f"changing the image {CHANGES} times")
            window.open_folder(scenes)
            figures["rss_growth_200_images_mib"] = _growth(window)
            say("listing 10,000 images")
            figures["list_10000_s"] = window.open_folder(many) / 1000
    return {name: round(figures[name], 3) for name in WHAT}


def _many_images(folder: Path) -> Path:
    """Write as many small files as the largest folder that has to be quick."""
    folder.mkdir()
    write_image(folder / "0.png", np.zeros((8, 8, 3), np.uint8))
    content = (folder / "0.png").read_bytes()
    for number in range(1, MANY):
        (folder / f"{number}.png").write_bytes(content)
    return folder


def _slider(window: BenchWindow) -> float:
    """Raise the threshold of the first tag step by step."""
    window.propose()
    slider = window.first_threshold()
    window.press(slider, Qt.Key.Key_End)
    window.rest()
    times = []
    for _ in range(REPEATS):
        times.append(window.time_proposal(lambda: window.press(slider, Qt.Key.Key_Left)))
        window.rest()
    return median(times)


def _tag_edit(window: BenchWindow) -> float:
    """Type tags that the image did not have, one after the other."""
    first, *others = window.known_classes()
    window.set_tags((first,))
    window.propose()
    times = []
    for tag in others:
        window.rest()
        window.type_text(tag)
        times.append(window.time_proposal(window.press_enter))
        window.set_tags((first, tag))
    return median(times)


def _next(window: BenchWindow) -> float:
    """Go on to images that were got ready."""
    window.go_to(0)
    times = []
    for _ in range(SCENES - 1):
        window.rest()
        times.append(window.time_next())
    return median(times)


def _gap(window: BenchWindow, folder: Path, say: Say) -> float:
    """Go through a folder faster than it can be got ready; paint and accept on the way."""
    window.open_folder(folder)
    with EventLoopWatch() as watch:
        for _ in range(STROLL - 1):
            window.paint()
            window.accept_and_next()
        window.rest()
    if watch.longest_ms > BLOCKED_MS:
        say(f"the window could not react for {watch.longest_ms:.0f} ms in\n{watch.where}")
    return watch.longest_ms


def _growth(window: BenchWindow) -> float:
    """Go to and fro between images until the caches have long been full."""
    process = psutil.Process()
    window.go_to(0)
    window.rest()
    before = process.memory_info().rss
    for change in range(CHANGES):
        window.go_to((change * 5 + 3) % SCENES)
    window.rest()
    return (process.memory_info().rss - before) / 2**20
