"""The model behind the annotator."""

import threading

import numpy as np
import pytest

from weclip_napari.gui.engine import Engine, Request

PIXELS = np.zeros((48, 64, 3), np.uint8)


class _Cancelled(Exception):
    pass


@pytest.fixture
def stages():
    return []


def test_the_image_is_encoded_once_for_many_proposals(engine, stages):
    for tags in (("apple",), ("apple", "star")):
        proposal = engine.propose(Request("a", PIXELS, tags), stages.append)
        assert proposal.tags == tags
    assert stages == ["Loading the model", "Encoding the image", *["Proposing masks"] * 2]


def test_preparing_leaves_only_the_proposal(engine, stages):
    engine.prepare(Request("a", PIXELS), lambda stage: None)
    engine.propose(Request("a", PIXELS, ("apple",)), stages.append)
    assert stages == ["Proposing masks"]


def test_a_cancelled_stage_can_be_taken_up_again(engine, stages):
    def stop_at_encoding(stage):
        if stage == "Encoding the image":
            raise _Cancelled

    with pytest.raises(_Cancelled):
        engine.prepare(Request("a", PIXELS), stop_at_encoding)
    engine.propose(Request("a", PIXELS, ("apple",)), stages.append)
    assert stages == ["Encoding the image", "Proposing masks"]


def test_a_failed_encoding_is_tried_again(engine, predictor, stages, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(predictor, "encode", lambda image: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            engine.prepare(Request("a", PIXELS), lambda stage: None)
    engine.prepare(Request("a", PIXELS), stages.append)
    assert stages == ["Encoding the image"]


def test_affinity_is_only_known_for_the_encoded_image(engine):
    assert engine.affinity("a", 0, 0, "attention") is None
    engine.prepare(Request("a", PIXELS), lambda stage: None)
    assert engine.affinity("a", 0, 0, "attention").shape == (6, 8)
    assert engine.affinity("b", 0, 0, "attention") is None


def test_a_moving_cursor_never_waits(engine):
    engine.prepare(Request("a", PIXELS), lambda stage: None)
    answers = []

    def look_up(stage):
        thread = threading.Thread(
            target=lambda: answers.append(engine.affinity("a", 0, 0, "attention"))
        )
        thread.start()
        thread.join(5)

    engine.propose(Request("b", PIXELS + 1, ("apple",)), look_up)
    assert [row.shape for row in answers] == [(6, 8)] * 2


def test_the_model_is_known_once_it_is_loaded(engine):
    assert engine.info is None
    engine.prepare(Request("a", PIXELS), lambda stage: None)
    assert engine.info.name
    assert engine.info.classes == ("apple", "star", "fish")


def test_a_model_without_decoder_is_prepared_too():
    from weclip_napari.core.checkpoint import random_model
    from weclip_napari.core.predictor import Predictor

    engine = Engine(load=lambda spec: Predictor(random_model()))
    engine.prepare(Request("a", PIXELS), lambda stage: None)
    assert engine.affinity("a", 0, 0, "attention").shape == (6, 8)
