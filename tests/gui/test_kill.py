"""A real process with a real window is killed: what was saved is there, and every file opens."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.gui.window_to_kill import LABEL, place
from weclip_napari.scenes import write_scenes
from weclip_napari.session.images import list_images
from weclip_napari.session.masks import read_mask
from weclip_napari.session.workspace import Workspace

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
SAVES = 2
MASK = "scene_0000.png.png"
SIDECAR = "scene_0000.png.json"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no kill -9")


@pytest.fixture
def folder(tmp_path):
    write_scenes(tmp_path / "drawn", 2, seed=0)
    return tmp_path / "drawn" / "images"


def kill_when(is_time, *arguments):
    """Start the window and kill it once its words say that it is time; return all its words."""
    command = [sys.executable, "-m", "tests.gui.window_to_kill", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    patience = threading.Timer(PATIENCE_S, process.kill)
    patience.start()
    lines = []
    for line in process.stdout:
        lines.append(line.split())
        if is_time(lines):
            os.kill(process.pid, signal.SIGKILL)
            break
    lines += [line.split() for line in process.stdout]  # what it still said before its end
    is_killed = patience.is_alive()
    patience.cancel()
    process.wait()
    process.stdout.close()
    assert is_killed, f"the window did not come so far: {lines}"
    return lines


def numbers(lines, word):
    return [int(line[1]) for line in lines if line[0] == word]


def check_strokes(folder, lines):
    """Every stroke that was said to be saved is there, and they are the first ones drawn."""
    mask = read_mask(folder / "weclip_masks" / MASK)
    drawn = numbers(lines, "drawn")[-1]
    is_there = [bool(mask[place(number)] == LABEL) for number in range(drawn + 1)]
    assert sum(is_there) >= numbers(lines, "saved")[-1] > 0
    assert is_there == sorted(is_there, reverse=True)


def check_files(folder):
    """Every file of ours can be read, and the folder opens for writing with nothing lost."""
    masks = folder / "weclip_masks"
    for path in masks.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    with sqlite3.connect(masks / "index.sqlite") as index:
        assert index.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    workspace = Workspace(folder)
    assert (workspace.read_only, workspace.problem) == ("", "")
    assert workspace.images == list_images(folder)
    image = workspace.read(0)
    assert np.array_equal(image.mask, read_mask(masks / MASK))
    human = image.provenance.human(image.mask)
    assert human[image.mask == LABEL].all()
    assert image.tags == ("apple",)
    assert image.state in ("edited", "proposed")
    assert workspace.store.classes.find("apple") is not None
    workspace.close()


def test_killed_at_work_loses_only_what_came_after_the_last_autosave(folder):
    lines = kill_when(lambda lines: len({*numbers(lines, "saved"), 0}) > SAVES, folder)
    check_strokes(folder, lines)
    check_files(folder)


@pytest.mark.parametrize("name", [MASK, SIDECAR])
def test_killed_during_a_save_loses_nothing_of_the_save_before(folder, name):
    lines = kill_when(lambda lines: lines[-1] == ["replacing", name], folder, name)
    assert ["replacing", name] in lines
    check_strokes(folder, lines)
    check_files(folder)
