"""A folder of small pictures, and a predictor with random weights."""

import numpy as np
import pytest
from PIL import Image

from tests.gui.retraining import make_folder, open_folder
from tests.red_and_blue import write_model
from weclip_napari.gui.engine import Engine

SIZE = (48, 64)
TIMEOUT = 60_000


@pytest.fixture(scope="session")
def model():
    from weclip_napari.core.checkpoint import random_model

    return random_model(classes=("apple", "star", "fish"))


@pytest.fixture
def predictor(model):
    from weclip_napari.core.predictor import Predictor

    return Predictor(model)


@pytest.fixture
def engine(predictor):
    return Engine(load=lambda spec: predictor)


@pytest.fixture
def folder(tmp_path):
    """Three pictures; the second is broken."""
    for number in range(3):
        random = np.random.default_rng(number)
        picture = random.integers(0, 255, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / f"img{number}.png")
    (tmp_path / "img1.png").write_bytes(b"no picture")
    return tmp_path


@pytest.fixture(autouse=True)
def no_preferences(plugin_settings):
    """Nobody's preferences are read or changed: the defaults hold."""


@pytest.fixture
def annotator(engine, folder, qtbot):
    """An annotator at the first picture of the folder, in a viewer without a window."""
    from napari.components import ViewerModel

    from weclip_napari.gui.annotator import Annotator

    annotator = Annotator(ViewerModel(), engine)
    annotator.propose_on_open = False
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_folder(folder)
    qtbot.waitUntil(lambda: not annotator.jobs.is_busy, timeout=TIMEOUT)
    yield annotator
    annotator.jobs.cancel()
    annotator.close()


@pytest.fixture
def propose(annotator, qtbot):
    """Propose for tags and wait for the masks."""

    def propose(*tags):
        annotator.type_tags(tags)
        with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT):
            annotator.propose()

    return propose


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny model that knows "red" and "old", but not "blue"."""
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def pictures(tmp_path):
    return make_folder(tmp_path / "photos", accepted=5)


@pytest.fixture
def open_panel(base, qtbot, tmp_path, monkeypatch):
    """Open a folder in an annotator with a panel, without a viewer's window."""
    from napari.components import ViewerModel

    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.retrain_panel import RetrainPanel

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    opened = []

    def open_panel(images):
        engine = Engine(base, device="cpu", disk_mib=16)
        annotator = Annotator(ViewerModel(), engine)
        panel = RetrainPanel(annotator)
        qtbot.addWidget(panel)
        panel.resize(350, 700)
        panel.show()
        opened.append((annotator, panel))
        open_folder(annotator, images, qtbot)
        qtbot.waitUntil(lambda: panel.outlook is not None, timeout=TIMEOUT)
        panel.budget.setValue(8)
        return panel

    yield open_panel
    for annotator, panel in opened:
        panel.close_down()
        annotator.cancel()
        annotator.close()
