"""The model that a folder has in use, without any training."""

import threading
from pathlib import Path

import pytest

from weclip_napari.core.model_store import ModelStore
from weclip_napari.gui.engine import Engine, Request
from weclip_napari.session.folder_models import models_folder

TIMEOUT = 60_000


@pytest.fixture
def request_(rng_pixels):
    return Request("key", rng_pixels)


@pytest.fixture
def rng_pixels():
    import numpy as np

    return np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)


@pytest.fixture
def stored(model, folder, tmp_path):
    """A model of the folder, in use."""
    from weclip_napari.core.checkpoint import save_model

    save_model(tmp_path / "trained", model)
    store = ModelStore(models_folder(folder))
    store.add(tmp_path / "trained", "first")
    return store.promote("first")


def test_a_chosen_model_is_loaded_by_the_next_request(predictor, request_):
    loaded = []
    engine = Engine("own", load=lambda spec: loaded.append(spec) or predictor)
    engine.prepare(request_, lambda stage: None)
    engine.choose_model("other")
    assert loaded == ["own"]
    assert not engine.holds("key")
    engine.prepare(request_, lambda stage: None)
    engine.choose_model("other")  # it is in use: nothing is loaded anew
    engine.prepare(request_, lambda stage: None)
    engine.choose_model(None)
    engine.prepare(request_, lambda stage: None)
    assert loaded == ["own", "other", "own"]


def test_a_model_chosen_while_another_is_loaded_wins(predictor, request_):
    is_loading, may_end = threading.Event(), threading.Event()
    loaded = []

    def load(spec):
        loaded.append(spec)
        is_loading.set()
        may_end.wait(10)
        return predictor

    engine = Engine("own", load=load)
    thread = threading.Thread(target=engine.prepare, args=(request_, lambda stage: None))
    thread.start()
    is_loading.wait(10)
    engine.choose_model("other")
    may_end.set()
    thread.join(10)
    engine.prepare(request_, lambda stage: None)
    assert loaded == ["own", "other"]


def test_a_folder_model_is_chosen_before_anything_is_proposed(annotator, stored, folder, qtbot):
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_folder(folder)
    assert annotator.folder_model.name == "first"
    assert Path(annotator.engine.spec) == stored.path
    qtbot.waitUntil(lambda: annotator.is_idle, timeout=TIMEOUT)


def test_a_damaged_folder_model_is_told_and_can_be_rolled_back(stored, folder, model, qtbot):
    from napari.components import ViewerModel

    from weclip_napari.core.predictor import Predictor
    from weclip_napari.errors import UserError
    from weclip_napari.gui.annotator import Annotator

    def load(spec):
        if spec != "own":
            raise UserError(f"'{spec}' is damaged.")
        return Predictor(model)

    annotator = Annotator(ViewerModel(), Engine("own", load=load))
    told = []
    annotator.failed.connect(told.append)
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_folder(folder)
    qtbot.waitUntil(lambda: bool(told), timeout=TIMEOUT)
    assert "is damaged" in told[0]
    annotator.folder_model.roll_back()
    qtbot.waitUntil(lambda: annotator.engine.info is not None, timeout=TIMEOUT)
    assert annotator.folder_model.name == ""
    assert annotator.engine.spec == "own"
    qtbot.waitUntil(lambda: annotator.is_idle, timeout=TIMEOUT)
    annotator.close()


def test_a_second_window_changes_no_model(annotator, stored, folder, engine, qtbot):
    from napari.components import ViewerModel

    from weclip_napari.gui.annotator import Annotator

    second = Annotator(ViewerModel(), engine)
    with qtbot.waitSignal(second.image_opened, timeout=TIMEOUT):
        second.open_folder(folder)
    with qtbot.waitSignal(second.failed, timeout=TIMEOUT):
        second.folder_model.roll_back()
    assert ModelStore(models_folder(folder)).current.name == "first"
    qtbot.waitUntil(lambda: second.is_idle, timeout=TIMEOUT)
    second.close()
