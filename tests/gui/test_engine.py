"""The model behind the annotator."""

import threading
import time

import numpy as np
import pytest

from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.folders import features_folder
from weclip_napari.errors import UserError
from weclip_napari.gui.engine import Engine, Request

PIXELS = np.zeros((48, 64, 3), np.uint8)


class _Cancelled(Exception):
    pass


def silent(stage):
    """Report to nobody."""


def picture(number):
    return np.random.default_rng(number).integers(0, 255, PIXELS.shape, dtype=np.uint8)


def request(number, tags=("apple",), **options):
    return Request(str(number), picture(number), tags, **options)


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


def test_several_images_are_held_and_going_back_costs_nothing(engine, stages):
    first = engine.propose(request(1), silent)
    engine.propose(request(2), silent)
    assert engine.holds("1")
    assert engine.holds("2")
    assert not engine.holds("3")
    again = engine.propose(request(1), stages.append)
    assert stages == ["Proposing masks"]
    assert np.array_equal(again.label_map, first.label_map)


def test_settings_change_the_proposal_without_encoding(engine, stages):
    plain = engine.propose(request(1, ("apple", "zebra"), branch="cam"), silent)
    for options in (
        {"thresholds": {"zebra": 1.1}},
        {"background_power": 4.0},
        {"template": "{} in a picture"},
        {"background_words": ("snow",)},
        {"synonyms": {"zebra": "striped horse"}},
    ):
        changed = engine.propose(
            request(1, ("apple", "zebra"), branch="cam", **options), stages.append
        )
        assert np.any(changed.label_map != plain.label_map) or np.any(changed.cam != plain.cam)
    both = engine.propose(request(1, ("apple", "zebra"), branch="both"), stages.append)
    assert both.branches == ("both", "cam")
    assert set(stages) == {"Proposing masks"}


def test_rejected_classes_are_not_evidence(engine, monkeypatch):
    monkeypatch.setattr("weclip_napari.core.measures.PEAK_FOUND", 0.0)
    monkeypatch.setattr("weclip_napari.core.measures.SCORE_FOUND", 0.0)
    measures = engine.propose(
        request(1, ("apple",), classes=("Star", "dog", "cat"), negative_tags=("Dog",)), silent
    ).measures
    assert measures.evidence_without_tag == ("Star", "fish", "cat")


def mib_in_memory(engine):
    return engine._held.nbytes / 2**20


def test_memory_is_bounded_but_the_image_in_use_stays(predictor):
    engine = Engine(load=lambda spec: predictor)
    engine.prepare(request(0), silent)
    one = mib_in_memory(engine)
    engine = Engine(load=lambda spec: predictor, memory_mib=3.5 * one)
    engine.prepare(request(0), silent)
    for number in range(1, 9):
        engine.prepare(request(number), silent, ahead=True)
        assert mib_in_memory(engine) <= 3.5 * one
        assert engine.holds("0")
    assert [number for number in range(9) if engine.holds(str(number))] == [0, 7, 8]
    tiny = Engine(load=lambda spec: predictor, memory_mib=0.1 * one)
    tiny.prepare(request(0), silent)
    tiny.prepare(request(1), silent, ahead=True)
    assert tiny.holds("0")
    assert not tiny.holds("1")


def test_features_on_disk_give_the_same_proposal_without_encoding(predictor, stages, monkeypatch):
    def new_engine():
        return Engine(load=lambda spec: predictor)

    engine = new_engine()
    expected = engine.propose(request(1, ("apple", "zebra")), silent)
    row = engine.affinity("1", 20, 20, "learned")
    wait_for_files(1)
    monkeypatch.setattr(FrozenClip, "encode", lambda *_: 1 / 0)
    again = new_engine()
    restored = again.propose(request(1, ("apple", "zebra")), silent)
    for name in ("label_map", "cam", "refined_cam", "cam_scores", "decoder_logits", "uncertainty"):
        assert np.array_equal(getattr(restored, name), getattr(expected, name)), name
    assert restored.measures == expected.measures
    assert np.array_equal(again.affinity("1", 20, 20, "learned"), row)


def wait_for_files(count, seconds=10.0):
    deadline = time.monotonic() + seconds
    while (
        not features_folder().is_dir() or len(list(features_folder().glob("*.safetensors"))) < count
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_features_of_another_model_are_not_taken(predictor):
    from weclip_napari.core.checkpoint import random_model
    from weclip_napari.core.predictor import Predictor

    Engine(load=lambda spec: predictor).prepare(request(1), silent)
    wait_for_files(1)
    other = Predictor(random_model(seed=1, classes=("apple", "star", "fish")))
    proposal = Engine(load=lambda spec: other).propose(request(1), silent)
    other.set_image(picture(1))
    assert np.array_equal(proposal.cam, other.propose(["apple"]).cam)


def test_a_damaged_file_means_encoding_again(predictor):
    Engine(load=lambda spec: predictor).prepare(request(1), silent)
    wait_for_files(1)
    (path,) = features_folder().glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-7])
    proposal = Engine(load=lambda spec: predictor).propose(request(1), silent)
    predictor.set_image(picture(1))
    assert np.array_equal(proposal.label_map, predictor.propose(["apple"]).label_map)


def test_nothing_is_written_where_the_disk_may_not_be_used(predictor, tmp_path):
    folder = tmp_path / "elsewhere"
    engine = Engine(load=lambda spec: predictor, disk_mib=0, cache_folder=folder)
    engine.prepare(request(1), silent)
    assert not folder.exists()
    engine = Engine(load=lambda spec: predictor, cache_folder=folder)
    engine.prepare(request(1), silent)
    deadline = time.monotonic() + 10
    while not (folder.exists() and list(folder.glob("*.safetensors"))):
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Blocked:
    """An encoder that goes on when it is told to, and remembers what it encoded."""

    def __init__(self, predictor, monkeypatch):
        self.started, self.may_go_on = threading.Event(), threading.Event()
        self.encoded, self.most_at_once, self._now = [], 0, 0
        self._encode = predictor.encode
        monkeypatch.setattr(predictor, "encode", self)

    def __call__(self, pixels, state=None):
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self.encoded.append(int(pixels[0, 0, 0]))
        self.started.set()
        assert self.may_go_on.wait(10)
        self._now -= 1
        return self._encode(pixels, state)


def numbered(number):
    return Request(str(number), np.full(PIXELS.shape, number, np.uint8), ("apple",))


def test_the_users_request_waits_for_one_image_at_most(engine, predictor, monkeypatch):
    encoder = Blocked(predictor, monkeypatch)

    def prefetch():
        for number in (1, 2, 3):
            engine.propose(numbered(number), silent, ahead=True)

    ahead = threading.Thread(target=prefetch)
    ahead.start()
    assert encoder.started.wait(10)
    order = []
    user = threading.Thread(
        target=lambda: order.append(engine.propose(numbered(9), silent).image_size)
    )
    user.start()
    while not engine._turns._urgent:
        time.sleep(0.001)
    encoder.may_go_on.set()
    user.join(10)
    ahead.join(10)
    assert encoder.encoded == [1, 9, 2, 3]
    assert encoder.most_at_once == 1
    assert order == [(48, 64)]


def test_an_image_encoded_ahead_is_not_encoded_twice(engine, predictor, monkeypatch):
    encoder = Blocked(predictor, monkeypatch)
    ahead = threading.Thread(target=lambda: engine.prepare(numbered(1), silent, ahead=True))
    ahead.start()
    assert encoder.started.wait(10)
    encoder.may_go_on.set()
    engine.propose(numbered(1), silent)
    ahead.join(10)
    assert encoder.encoded == [1]


def test_a_cancelled_request_in_the_queue_computes_nothing(engine, predictor, monkeypatch):
    encoder = Blocked(predictor, monkeypatch)
    running = threading.Thread(target=lambda: engine.prepare(numbered(1), silent))
    running.start()
    assert encoder.started.wait(10)
    raised = []

    def cancelled(stage):
        raise _Cancelled

    def wait_in_vain():
        try:
            engine.propose(numbered(2), cancelled)
        except _Cancelled:
            raised.append(True)

    waiting = threading.Thread(target=wait_in_vain)
    waiting.start()
    encoder.may_go_on.set()
    running.join(10)
    waiting.join(10)
    assert raised
    assert encoder.encoded == [1]
    assert engine.propose(numbered(3), silent)


def test_another_model_takes_over_and_a_bad_one_does_not(engine, stages):
    engine.prepare(request(1), silent)
    before = engine.fingerprint
    assert len(before) == 16
    with pytest.raises(UserError, match="is missing"):
        engine.use_model("/nowhere/model.safetensors", silent)
    with pytest.raises(UserError, match="Device 'tpu' cannot be used"):
        engine.use_model("embedded", silent, device="tpu")
    assert engine.holds("1")
    assert engine.fingerprint == before
    engine.use_model("embedded", stages.append, device="cpu")
    assert stages == ["Loading the model"]
    assert engine.spec == "embedded"
    assert engine.fingerprint not in ("", before)
    assert engine.info.classes[0] == "apple"
    assert not engine.holds("1")
    assert engine.propose(request(1), silent).tags == ("apple",)


def test_nothing_is_known_before_the_model_is_loaded(engine):
    assert (engine.fingerprint, engine.holds("a")) == ("", False)


def test_classes_are_scored_for_suggestions(engine, stages):
    engine.prepare(request(1), silent)
    scores = engine.tag_scores(request(1), ("apple", "zebra"), stages.append)
    assert list(scores) == ["apple", "zebra"]
    assert all(-1 <= score <= 1 for score in scores.values())
    assert stages == ["Scoring classes"]
