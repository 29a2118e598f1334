"""Thumbnails are read in a thread, those that are looked at first, and not too many are kept."""

import threading
import time

import numpy as np
import pytest
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.gui import thumbnails as module
from weclip_napari.gui.thumbnails import MOST_WAITING, SIDE, Thumbnails

GREY = np.full((4, 6, 3), 128, np.uint8)


class Reader:
    """Reads nothing; waits at the gate, and notes what it was asked for."""

    def __init__(self):
        self.read = []
        self.threads = set()
        self.gate = threading.Event()
        self.entered = threading.Event()

    def __call__(self, path, side):
        self.entered.set()
        self.gate.wait(10)
        self.threads.add(threading.current_thread())
        self.read.append(path)
        if path == "broken":
            raise UserError("It is broken; mend it.")
        return GREY


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def thumbnails(qtbot, reader):
    made = Thumbnails(reader)
    made.set_images([f"image{row}" for row in range(1000)])
    yield made
    reader.gate.set()
    made.stop()


def test_an_image_of_a_folder_becomes_a_small_picture(qtbot, tmp_path):
    Image.new("RGB", (640, 320), "red").save(tmp_path / "a.jpg")
    thumbnails = Thumbnails()
    thumbnails.set_images([tmp_path / "a.jpg"])
    with qtbot.waitSignal(thumbnails.loaded) as loaded:
        assert thumbnails.get(0) is None
    assert loaded.args == [0]
    picture = thumbnails.get(0)
    assert (picture.width(), picture.height()) == (SIDE, SIDE // 2)
    assert picture.toImage().pixelColor(5, 5).red() > 200
    thumbnails.stop()


def test_they_are_read_in_another_thread_once(qtbot, thumbnails, reader):
    reader.gate.set()
    with qtbot.waitSignal(thumbnails.loaded):
        thumbnails.get(3)
        while not reader.read:
            time.sleep(0.001)
        assert thumbnails.get(3) is None  # read, but not arrived: not to be read again
    for _ in range(3):
        assert thumbnails.get(3) is not None
    assert reader.read == ["image3"]
    assert threading.main_thread() not in reader.threads


def test_what_was_asked_for_last_comes_first_and_what_scrolled_away_never(
    qtbot, thumbnails, reader
):
    thumbnails.get(0)
    assert reader.entered.wait(10)
    for row in range(1, 200):
        thumbnails.get(row)
    reader.gate.set()
    qtbot.waitUntil(lambda: len(reader.read) == 1 + MOST_WAITING)
    qtbot.wait(50)
    newest = [f"image{row}" for row in range(199, 199 - MOST_WAITING, -1)]
    assert reader.read == ["image0", *newest]


def test_another_folder_drops_what_is_waiting_and_what_comes_late(qtbot, thumbnails, reader):
    for row in range(5):
        thumbnails.get(row)
    assert reader.entered.wait(10)
    thumbnails.set_images(["other"])
    loaded = []
    thumbnails.loaded.connect(loaded.append)
    reader.gate.set()
    qtbot.wait(100)
    assert len(reader.read) == 1
    assert not loaded
    with qtbot.waitSignal(thumbnails.loaded):
        thumbnails.get(0)
    assert reader.read[-1] == "other"


def test_the_oldest_are_let_go(qtbot, thumbnails, reader, monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    reader.gate.set()
    for row in range(5):
        with qtbot.waitSignal(thumbnails.loaded):
            thumbnails.get(row)
    assert thumbnails.get(4) is not None
    with qtbot.waitSignal(thumbnails.loaded):
        assert thumbnails.get(0) is None


def test_an_unreadable_image_is_told_once(qtbot, thumbnails, reader):
    thumbnails.set_images(["broken"])
    reader.gate.set()
    with qtbot.waitSignal(thumbnails.failed) as failed:
        thumbnails.get(0)
    assert failed.args == [0, "It is broken; mend it."]
    assert thumbnails.get(0) is None
    qtbot.wait(50)
    assert reader.read == ["broken"]
