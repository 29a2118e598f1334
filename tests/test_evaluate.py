"""The arithmetic of the evaluation, on proposals made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from weclip_napari.core.config import WeclipConfig
from weclip_napari.core.measures import Measures
from weclip_napari.core.proposal import Proposal
from weclip_napari.evaluate import STAGES, _Tally, label_maps

CLASSES = ("cat", "dog", "cow")
SIZE = (4, 6)


def halves(left: float, right: float) -> np.ndarray:
    """A map of SIZE with one value on the left and one on the right."""
    return np.repeat([[left, right]], 4, axis=0).repeat(3, axis=1).astype(np.float32)


@pytest.fixture
def proposal() -> Proposal:
    """Dog on the left, cat on the right; the decoder, which also knows bats, sees bats there."""
    logits = [halves(0, 0), halves(0, 5), halves(0, 9), halves(4, 0)]  # -, cat, bat, dog
    return Proposal(
        tags=("dog", "cat"),
        label_map=np.zeros(SIZE, np.uint8),
        cam=np.stack([halves(0.9, 0.1), halves(0.2, 0.3)]),
        refined_cam=np.stack([halves(0.9, 0.1), halves(0.2, 0.8)]),
        scores=np.array([0.5, 0.4], np.float32),
        cam_scores=np.stack([halves(0, 0), halves(1, 0), halves(0, 1)]),
        decoder_logits=np.stack(logits),
        canvas_uncertainty=np.zeros(SIZE, np.float32),
        branches=("decoder", "decoder"),
        notes=(),
        measures=Measures(0.0),
        grid=SIZE,
        image_size=SIZE,
    )


def model(decoder: bool = True) -> Any:
    known = SimpleNamespace(config=SimpleNamespace(classes=("cat", "bat", "dog")))
    config = WeclipConfig(cam_threshold=0.5, refined_cam_threshold=0.5)
    return SimpleNamespace(config=config, decoder=known if decoder else None)


def test_every_stage_is_put_into_the_ids_of_the_data_set(proposal: Proposal) -> None:
    maps = label_maps(proposal, model(), CLASSES)
    sides = {stage: (int(labels[0, 0]), int(labels[0, -1])) for stage, labels in maps.items()}
    assert sides == {
        "cam": (2, 0),  # the cat's map stays under the threshold
        "refined_cam": (2, 1),
        "pseudo_label": (2, 1),
        "decoder": (2, 1),
        "decoder_untagged": (2, 4),  # a bat, which the data set does not have
    }


def test_without_a_decoder_its_stages_are_missing(proposal: Proposal) -> None:
    assert set(label_maps(proposal, model(decoder=False), CLASSES)) == set(STAGES[:3])


def test_scores_are_those_computed_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1, 2, 255, 77]], np.uint8)  # 77 is no class: not counted
    labels = np.array([[0, 1, 1, 1, 4, 2, 2]], np.uint8)  # 4: a class that the data set lacks
    tally = _Tally(CLASSES)
    tally.add(truth, {"cam": labels}, ("cat", "dog"), {"cat": 0.9, "dog": 0.2, "cow": 0.1})
    tally.add(truth, {"cam": labels}, ("cow",), {"cat": 0.1, "dog": 0.2, "cow": 0.05})
    report = tally.report(1.23456, ("a problem",))
    assert report.n_images == 2
    assert report.problems == ("a problem",)
    assert report.miou["cam"] == pytest.approx(100 * (1 / 2 + 2 / 3 + 0) / 3, abs=0.01)
    assert report.miou["decoder"] is None
    per_class = report.per_class
    assert per_class["background"]["cam"] == 50
    assert per_class["cat"] == {
        **dict.fromkeys(STAGES),
        "cam": 66.67,
        "tag_auc": 1,
    }
    assert (per_class["dog"]["cam"], per_class["cow"]["cam"]) == (0, None)
    assert (per_class["dog"]["tag_auc"], per_class["cow"]["tag_auc"]) == (0.5, 0)
    assert report.tag_auc == 0.5


def test_a_dense_crf_has_the_last_word_on_the_decoder(
    proposal: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trust_the_second(image: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        assert image.shape == (*SIZE, 3)
        np.testing.assert_allclose(probabilities.sum(axis=0), 1, rtol=1e-5)
        return np.eye(len(probabilities), dtype=np.float32)[1][:, None, None] * np.ones(SIZE)

    monkeypatch.setattr("weclip_napari.evaluate.dense_crf", trust_the_second)
    plain = label_maps(proposal, model(), CLASSES)
    sharp = label_maps(proposal, model(), CLASSES, np.zeros((*SIZE, 3), np.uint8))
    assert len(np.unique(plain["decoder"])) > 1
    assert len(np.unique(sharp["decoder"])) == 1
    assert np.array_equal(sharp["pseudo_label"], plain["pseudo_label"])
