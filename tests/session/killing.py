"""Kill a process that saves all the time, again and again, and look at what it leaves.

Usage: killing.py FOLDER ROUNDS. Prints how many kills came between the two files of an image.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from weclip_napari.session.annotation import Annotation, Measures
from weclip_napari.session.record import digest_of
from weclip_napari.session.sidecar import read_sidecar
from weclip_napari.session.states import State
from weclip_napari.session.workspace import Snapshot, Workspace

SIZE = (40, 60)
STATES = list(State)


def annotation_of(number):
    """The annotation that is saved as the n-th one of an image."""
    numbers = np.random.default_rng(number)
    mask = numbers.integers(0, 4, SIZE).astype(np.uint8)
    human = numbers.random(SIZE) < 0.3
    measures = Measures(number / 1e6, None, (f"{number}",), ())
    state = STATES[number % len(STATES)]
    return Annotation(mask, human, (f"{number}",), ("cat",), state, f"{number}", measures)


def save_forever(folder, pipe, first):
    """Save one image after the other, and say what is surely on the disk."""
    workspace = Workspace(folder)
    for number in range(first, first + 10**6):
        row = number % len(workspace.images)
        snapshot = Snapshot(row, workspace.images[row], annotation_of(number), revision=0)
        workspace.write(snapshot)
        os.write(pipe, number.to_bytes(4, "little"))


def run_and_kill(folder, first, *, wait):
    """Let a process save for a moment, kill it, and return the numbers it had saved.

    `wait` for the first that is saved, so that it is not killed before.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        save_forever(folder, writing, first)
    os.close(writing)
    data = os.read(reading, 4) if wait else b""
    time.sleep(random.uniform(0, 0.03))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(reading, "rb") as pipe:
        data += pipe.read()
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]


def check_files(folder):
    """Open every file; count the sidecars that belong to a mask that was not written any more."""
    torn = 0
    for path in folder.rglob("*.png"):
        with Image.open(path) as image:
            image.load()
    for path in (folder / "weclip_masks").glob("*.json"):
        json.loads(path.read_bytes())
        mask = path.with_suffix(".png")
        sidecar = read_sidecar(path) if path.name != "classes.json" else None
        if sidecar is not None:
            digest = digest_of(mask.read_bytes()) if mask.exists() else None
            torn += sidecar.mask_sha256 != digest
    return torn


def check_annotation(workspace, row, saved, tried):
    """See that an image has the annotation saved last, or the one that was being saved."""
    loaded = workspace.store.load(workspace.images[row], SIZE)
    if loaded is None or not loaded.mask.any():
        assert saved is None, (row, saved)
        return
    number = int(loaded.tags[0])
    assert number in (saved, tried), (row, number, saved, tried)
    expected = annotation_of(number)
    assert np.array_equal(loaded.mask, expected.mask), number
    assert np.array_equal(loaded.human, expected.human), number
    for name in ("negative_tags", "state", "model", "measures"):
        assert getattr(loaded, name) == getattr(expected, name), (number, name)
    summary = workspace.index.summary(row)
    assert (summary.tags, summary.state) == (expected.tags, expected.state), (number, summary)


def main(folder, rounds):
    """Kill, look, and go on in the same folder."""
    random.seed(0)
    for name in ("a.png", "b b.png", "ü.png"):
        Image.new("RGB", SIZE[::-1]).save(folder / name)
    saved, first, torn = {}, 0, 0
    for number in range(rounds):
        numbers = run_and_kill(folder, first, wait=number % 4 > 0)
        saved |= {number % 3: number for number in numbers}
        tried = numbers[-1] + 1 if numbers else first
        torn += check_files(folder)
        workspace = Workspace(folder)
        assert workspace.read_only == "", workspace.read_only
        for row in workspace.index.unread_rows():
            workspace.index.refresh(row)
        for row in range(3):
            check_annotation(workspace, row, saved.get(row), tried)
        if tried % 3 in saved or tried < 3:
            known = workspace.store.load(workspace.images[tried % 3], SIZE)
            if known is not None and known.mask.any():
                saved[tried % 3] = int(known.tags[0])
        workspace.close()
        first = tried + 1
    print(f"saved {first}, torn {torn}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
