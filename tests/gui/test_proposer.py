"""Proposals for the open image and, ahead of time, for its neighbours."""

import numpy as np
import pytest
from PIL import Image

from weclip_napari.session.states import State

TIMEOUT = 30_000


@pytest.fixture
def settle(annotator, qtbot):
    return lambda: qtbot.waitUntil(lambda: annotator.is_idle, timeout=TIMEOUT)


@pytest.fixture
def go(annotator, qtbot):
    def go(act, *args):
        with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
            assert act(*args)

    return go


@pytest.fixture
def tagged_folder(folder):
    """The folder with tags for its readable images, and the broken one mended."""
    Image.new("RGB", (64, 48), "green").save(folder / "img1.png")
    lines = ["image,tags", "img0.png,apple", "img1.png,star apple", "img2.png,fish"]
    (folder / "tags.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture
def tagged(tagged_folder, annotator, qtbot):
    """An annotator on it that proposes as images open."""
    annotator.propose_on_open = True
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_folder(tagged_folder)
    qtbot.waitUntil(lambda: annotator.proposal is not None and annotator.is_idle, timeout=TIMEOUT)
    return annotator


def _paint(annotator, row, column, label=1):
    annotator.layers.mask.layer.paint((row, column), label)


def test_an_image_with_tags_gets_its_proposal_as_it_opens(tagged):
    assert tagged.tags == ("apple",)
    assert tagged.state is State.PROPOSED
    assert [result.tag for result in tagged.results] == ["apple"]
    assert tagged.work.measures is not None
    assert tagged.work.model


def test_the_next_image_shows_its_proposal_at_once(tagged, go, qtbot):
    qtbot.waitUntil(lambda: tagged.prefetcher.is_ready(1), timeout=TIMEOUT)
    stages = []
    tagged.jobs.stage.connect(stages.append)
    go(tagged.step, 1)
    assert [result.tag for result in tagged.results] == ["star", "apple"]
    assert tagged.state is State.PROPOSED
    assert stages == []


def test_what_was_proposed_ahead_with_other_settings_is_proposed_anew(tagged, go, settle, qtbot):
    qtbot.waitUntil(lambda: tagged.prefetcher.is_ready(1), timeout=TIMEOUT)
    tagged.proposer.tuning = type(tagged.tuning)(branch="cam")
    go(tagged.step, 1)
    assert tagged.proposal is None
    settle()
    assert tagged.proposal.branches == ("cam", "cam")


def test_a_stored_mask_is_only_looked_at(tagged, go, settle):
    _paint(tagged, 5, 5, 9)
    go(tagged.open_image, 2)
    go(tagged.open_image, 0)
    settle()
    before = tagged.layers.mask.mask.copy()
    assert tagged.proposal is not None
    assert tagged.state is State.EDITED
    assert before[5, 5] == 9
    assert not tagged.is_dirty
    assert not tagged.layers.mask.can_undo


def test_all_that_a_slider_did_is_one_step_to_undo(annotator, propose, settle):
    propose("apple", "star")
    first = annotator.layers.mask.mask.copy()
    for power in (0.5, 1.0, 2.0, 4.0):
        annotator.tune(background_power=power)
        settle()
    annotator.tune(branch="cam")
    settle()
    annotator.undo()
    assert not annotator.layers.mask.mask.any() or np.array_equal(annotator.layers.mask.mask, first)
    annotator.undo()
    assert not annotator.layers.mask.mask.any()


def test_a_moving_slider_shows_the_newest_value_in_the_end(annotator, propose, qtbot):
    propose("apple")
    asked = []
    propose_really = annotator.engine.propose

    def note(request, report, **options):
        asked.append(request.background_power)
        return propose_really(request, report, **options)

    annotator.engine.propose = note
    for step in range(1, 40):
        annotator.tune(background_power=step / 10)
    qtbot.waitUntil(lambda: annotator.is_idle and asked[-1] == 3.9, timeout=TIMEOUT)
    assert len(asked) < 10


def test_a_threshold_belongs_to_the_class_and_proposes_again(annotator, propose, settle, folder):
    propose("apple")
    annotator.set_threshold("apple", 1.0)
    settle()
    assert not annotator.layers.mask.mask.any()
    assert annotator.workspace.store.classes.find("apple").threshold == 1.0


def test_a_proposal_overrules_a_person_only_when_asked(annotator, propose):
    _paint(annotator, 5, 5, 9)
    propose("apple")
    assert annotator.layers.mask.mask[5, 5] == 9
    annotator.set_overrule(True)
    propose("star")
    assert annotator.layers.mask.mask[5, 5] != 9
    annotator.undo()
    assert annotator.layers.mask.mask[5, 5] == 9


def test_without_the_last_tag_the_models_pixels_go(annotator, propose):
    _paint(annotator, 5, 5, 9)
    propose("apple")
    annotator.type_tags(())
    annotator.propose()
    mask = annotator.layers.mask.mask
    assert set(np.unique(mask)) == {0, 9}
    assert annotator.results == []


def test_rejected_tags_are_kept(annotator, go):
    annotator.type_tags(("apple", "star"))
    annotator.reject_tag("star")
    assert annotator.tags == ("apple",)
    go(annotator.open_image, 2)
    go(annotator.open_image, 0)
    assert annotator.negative_tags == ("star",)
    annotator.type_tags(("apple", "Star"))
    assert annotator.negative_tags == ()


def test_suggestions_leave_out_what_was_typed_or_rejected(annotator, qtbot):
    annotator.type_tags(("apple",))
    annotator.reject_tag("fish")
    with qtbot.waitSignal(annotator.suggestions_shown, timeout=TIMEOUT) as shown:
        annotator.suggest_tags()
    assert [name for name, _ in shown.args[0]] == ["star"]


def test_proposing_for_the_folder_leaves_peoples_work_alone(tagged, go, settle, qtbot):
    go(tagged.open_image, 2)
    settle()
    _paint(tagged, 5, 5, 9)
    go(tagged.open_image, 0)
    tagged.propose_all()
    qtbot.waitUntil(lambda: not tagged.batch.is_busy, timeout=TIMEOUT)
    states = [tagged.summary(row).state for row in range(3)]
    assert states == [State.PROPOSED, State.PROPOSED, State.EDITED]
    go(tagged.open_image, 2)
    assert tagged.layers.mask.mask[5, 5] == 9
