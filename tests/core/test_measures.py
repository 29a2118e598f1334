"""Doubt, disagreement, and tags that don't fit the image."""

import numpy as np
import pytest
import torch

from weclip_napari.core.checkpoint import load_model, random_model
from weclip_napari.core.classes import ClassSet
from weclip_napari.core.fusion import Branch
from weclip_napari.core.measures import class_peaks, disagreement, found_classes, missing_tags
from weclip_napari.core.predictor import Predictor
from weclip_napari.scenes import SceneGenerator

KNOWN = ClassSet.from_names(("Apple", "star"))


def test_disagreement_is_the_share_of_pixels() -> None:
    seen = torch.zeros(3, 4, 4)
    seen[0], seen[1, :, 2:] = 0.5, 1.0  # tag 0 on the right, by the CAMs
    decoded = torch.zeros(2, 4, 4)
    decoded[1, :, 1:] = 5.0
    decoded[0, :, :1] = 5.0  # one column more, by the decoder
    assert disagreement(Branch(decoded, (0, 1), logits=True), seen) == pytest.approx(0.25)


def test_the_decoder_judges_what_it_knows() -> None:
    logits = torch.zeros(3, 2, 2)
    logits[1, 0, 0] = 9.0
    peaks = class_peaks(logits, KNOWN)
    assert peaks["apple"] > 0.9 > peaks["star"]
    clip = torch.tensor([-30.0, 30.0, 0.0])
    assert missing_tags(("apple", "Star"), {**peaks, "star": 0.1}, clip) == ("Star",)


def test_clip_judges_the_others() -> None:
    clip = torch.tensor([2.0, -20.0, 0.0, 0.0])  # two tags, two background words
    assert missing_tags(("dog", "zebra"), {}, clip) == ("zebra",)
    scores = {"cat": 3.0, "ship": -9.0}
    found = found_classes(
        ("cat", "ship", "apple"),
        {"apple": 0.9},
        clip,
        lambda names: torch.tensor([scores[name] for name in names]),
    )
    assert found == ("cat", "apple")


def test_nothing_is_known_of_a_decoder_that_is_not_there() -> None:
    predictor = Predictor(random_model(classes=()))
    predictor.set_image(np.zeros((48, 64, 3), np.uint8))
    measures = predictor.propose(["dog"]).measures
    assert measures.disagreement is None
    assert measures.evidence_without_tag == ()
    assert 0 <= measures.uncertainty <= 1


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model("embedded", "cpu"))


def test_the_embedded_model_sees_wrong_and_forgotten_tags(predictor: Predictor) -> None:
    """On scenes of another seed than those that the limits were chosen on."""
    generator = SceneGenerator(20)
    names = predictor.model.decoder.config.classes
    wrong = flagged = right = missed = forgotten = found = 0
    for _ in range(24):
        scene = generator.scene()
        if len(scene.tags) < 2:
            continue
        predictor.set_image(scene.image)
        first, *rest = scene.tags
        absent = next(name for name in names if name not in scene.tags)
        measures = predictor.propose([*rest, absent]).measures
        flagged, wrong = flagged + (absent in measures.tags_without_evidence), wrong + 1
        missed += len(set(rest) & set(measures.tags_without_evidence))
        right += len(rest)
        found, forgotten = found + (first in measures.evidence_without_tag), forgotten + 1
        assert not set(measures.evidence_without_tag) & {*rest, absent}
        assert 0 <= measures.disagreement <= 1
    assert wrong > 10
    assert flagged > 0.8 * wrong
    assert missed < 0.15 * right
    assert found > 0.75 * forgotten


def test_rejected_classes_are_not_looked_for(predictor: Predictor) -> None:
    scene = SceneGenerator(20).scene(2)
    predictor.set_image(scene.image)
    first, second = scene.tags
    assert first in predictor.propose([second]).measures.evidence_without_tag
    others = [name for name in predictor.model.decoder.config.classes if name != first]
    measures = predictor.propose([second], classes=others).measures
    assert first not in measures.evidence_without_tag


def test_measures_do_not_depend_on_the_branch_once_all_is_known(predictor: Predictor) -> None:
    predictor.set_image(SceneGenerator(20).scene(2).image)
    by_decoder = predictor.propose(["apple", "star"]).measures
    by_cam = predictor.propose(["apple", "star"], branch="cam").measures
    assert by_cam.disagreement == by_decoder.disagreement
    assert by_cam.tags_without_evidence == by_decoder.tags_without_evidence
