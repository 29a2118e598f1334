"""What is scored, and the arithmetic of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from weclip_napari.core import par
from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.config import WeclipConfig
from weclip_napari.core.model import WeclipModel
from weclip_napari.core.predictor import Predictor
from weclip_napari.core.untrained import random_model
from weclip_napari.errors import UserError
from weclip_napari.evaluate import evaluate_dataset
from weclip_napari.session.dataset import Dataset, Example
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import read_mask, write_mask
from weclip_napari.stages import CLIP_ES, STAGES, StageMaps, decoder_maps, evidence_maps
from weclip_napari.tally import Tally

CLASSES = ("cat", "dog", "cow")
SIZE = (4, 6)
IMAGE = np.zeros((*SIZE, 3), np.uint8)


def halves(left: float, right: float) -> torch.Tensor:
    """A map of SIZE with one value on the left and one on the right."""
    row = torch.tensor([left] * 3 + [right] * 3, dtype=torch.float32)
    return row.repeat(4, 1)


def sides(labels: np.ndarray) -> tuple[int, int]:
    return int(labels[0, 0]), int(labels[0, -1])


def test_cams_are_cut_or_compared_with_the_background() -> None:
    evidence: Any = SimpleNamespace(
        cam=torch.stack([halves(0.9, 0.1), halves(0.2, 0.3)]),
        refined=torch.stack([halves(0.9, 0.1), halves(0.2, 0.8)]),
        scores=lambda power: torch.stack([halves(0, power / 2), halves(1, 0), halves(0, 1)]),
    )
    config = WeclipConfig(cam_threshold=0.5, refined_cam_threshold=0.5, background_power=3)
    found = {stage: sides(m) for stage, m in evidence_maps(evidence, config, SIZE).items()}
    assert found == {
        "cam": (1, 0),  # the second map stays under the threshold
        "refined_cam": (1, 2),
        "pseudo_label": (1, 0),  # the background has 1.5 on the right
    }


LOGITS = torch.stack([halves(0, 0), halves(0, 5), halves(0, 9), halves(4, 0)])
KNOWN = ("cat", "bat", "dog")


def test_the_decoder_is_held_to_the_tags_or_not() -> None:
    maps = decoder_maps(LOGITS, KNOWN, IMAGE, ("dog", "cat"))
    assert {stage: sides(m) for stage, m in maps.items()} == {
        "decoder": (3, 1),
        "decoder_untagged": (3, 2),
    }


def test_a_dense_crf_has_the_last_word_on_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def trust_the_second(image: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        assert image is IMAGE
        np.testing.assert_allclose(probabilities.sum(axis=0), 1, rtol=1e-5)
        return np.eye(len(probabilities), dtype=np.float32)[1][:, None, None] * np.ones(SIZE)

    monkeypatch.setattr("weclip_napari.stages.dense_crf", trust_the_second)
    maps = decoder_maps(LOGITS, KNOWN, IMAGE, ("dog",), crf=True)
    assert np.unique(maps["decoder"]).tolist() == [3]
    assert np.unique(maps["decoder_untagged"]).tolist() == [1]


def test_scores_are_those_computed_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1, 2, 255, 77]], np.uint8)  # 77 is no class: not counted
    labels = np.array([[0, 1, 1, 1, 4, 2, 2]], np.uint8)  # 4: a class that the data set lacks
    tally = Tally(CLASSES, STAGES)
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


@pytest.fixture(scope="module")
def model() -> WeclipModel:
    """Its decoder knows bats as well, but no cows; the learned affinity refines its CAMs."""
    return random_model(classes=("bat", "cat", "dog"))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    examples = []
    for number, tags in enumerate([("cat",), ("dog", "cow"), ()]):
        image, mask = tmp_path / f"{number}.png", tmp_path / f"{number}-mask.png"
        random = np.random.default_rng(number)
        write_image(image, random.integers(0, 255, (40, 56, 3)).astype(np.uint8))
        write_mask(mask, random.integers(0, 4, (40, 56)).astype(np.uint8))
        examples.append(Example(image, mask, tags))
    return Dataset(tmp_path, CLASSES, tuple(examples), ())


def test_stages_agree_with_what_the_predictor_proposes(model: WeclipModel) -> None:
    image = np.random.default_rng(5).integers(0, 255, (40, 56, 3)).astype(np.uint8)
    predictor = Predictor(model)
    predictor.set_image(image)
    proposal = predictor.propose(("dog", "cat"))
    ids = np.array([0, 2, 1], np.uint8)
    stages = StageMaps(model, CLASSES)
    encoded = stages.encode(image)
    maps = stages.maps(encoded, image, ("dog", "cat"))
    assert np.array_equal(maps["pseudo_label"], ids[proposal.pseudo_label])
    assert np.array_equal(maps["decoder"], ids[proposal.label_map])
    assert maps["decoder_untagged"].max() == len(CLASSES) + 1  # a bat
    assert stages.tag_scores(encoded) == predictor.tag_scores(CLASSES)


def test_only_what_is_wanted_is_computed(
    model: WeclipModel, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = evaluate_dataset(model, dataset)
    encoded: list[tuple[int, ...]] = []
    encode = FrozenClip.encode

    def count(self: FrozenClip, pixels: torch.Tensor, **options: Any) -> Any:
        encoded.append(tuple(pixels.shape))
        return encode(self, pixels, **options)

    def refuse(*arguments: Any) -> None:
        raise AssertionError("a CAM or its refinement was computed")

    monkeypatch.setattr(FrozenClip, "encode", count)
    monkeypatch.setattr("weclip_napari.core.encoded_image.GradCam", refuse)
    monkeypatch.setattr("weclip_napari.core.encoded_image.PixelAdaptiveRefinement", refuse)
    monkeypatch.setattr("weclip_napari.core.encoded_image.LastBlock", refuse)
    report = evaluate_dataset(model, dataset, stages=("decoder", "decoder_untagged"))
    assert len(encoded) == len(dataset.examples)
    assert report.miou == {name: every.miou[name] for name in ("decoder", "decoder_untagged")}
    assert report.tag_auc is None
    assert every.tag_auc is not None


def test_clip_es_needs_neither_refinement_nor_decoder(
    model: WeclipModel, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_decoder = evaluate_dataset(model, dataset, stages=CLIP_ES[:1])
    monkeypatch.delattr(par.PixelAdaptiveRefinement, "__call__")
    alone = evaluate_dataset(replace(model, decoder=None), dataset, stages=CLIP_ES[:1])
    assert alone.miou == with_decoder.miou
    assert set(alone.miou) == {"clip_es"}


def test_clip_es_compares_refined_cams_with_their_background(
    model: WeclipModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without refinement and CRF, the argmax of [1 - max M, M] on the image's pixels is left."""
    monkeypatch.setattr("weclip_napari.stages.refine", lambda transition, cams, threshold: cams)
    seen = {}

    def keep(image: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        seen["probabilities"] = probabilities
        return probabilities[::-1]

    monkeypatch.setattr("weclip_napari.stages.dense_crf", keep)
    image = np.random.default_rng(5).integers(0, 255, (40, 56, 3)).astype(np.uint8)
    stages = StageMaps(model, CLASSES, CLIP_ES)
    encoded = stages.encode(image)
    maps = stages.maps(encoded, image, ("dog",))
    predictor = Predictor(model)
    predictor.set_image(image)
    cam = predictor.propose(("dog",)).cam_at_image_size(0)
    assert np.array_equal(maps["clip_es"], np.where(cam > 1 - cam, 2, 0))
    np.testing.assert_allclose(seen["probabilities"], [1 - cam, cam], atol=1e-6)
    assert np.array_equal(maps["clip_es_crf"], np.where(cam < 1 - cam, 2, 0))


def test_without_a_decoder_its_stages_are_empty(model: WeclipModel, dataset: Dataset) -> None:
    report = evaluate_dataset(replace(model, decoder=None), dataset)
    assert [stage for stage, value in report.miou.items() if value is None] == list(STAGES[3:])


def test_an_image_without_tags_is_background(model: WeclipModel, dataset: Dataset) -> None:
    untagged = replace(dataset, examples=dataset.examples[2:])
    report = evaluate_dataset(model, untagged)
    truth = read_mask(dataset.examples[2].mask)
    background = round(100 * float((truth == 0).mean()), 2)
    assert report.per_class["background"]["pseudo_label"] == background
    assert report.per_class["background"]["decoder"] == background


def test_a_tag_that_is_no_class_is_reported(model: WeclipModel, dataset: Dataset) -> None:
    wrong = replace(dataset.examples[0], tags=("zebra",))
    report = evaluate_dataset(model, replace(dataset, examples=(wrong, *dataset.examples[1:])))
    assert report.n_images == 2
    assert "zebra" in report.problems[0]
    assert str(wrong.image) in report.problems[0]
    with pytest.raises(UserError, match="zebra"):
        evaluate_dataset(model, replace(dataset, examples=(wrong,)))


def test_stages_that_do_not_exist_are_refused(model: WeclipModel) -> None:
    with pytest.raises(ValueError, match="magic"):
        StageMaps(model, CLASSES, ("magic",))


def test_a_single_tag_has_no_cam_without_background_words(model: WeclipModel) -> None:
    config = replace(model.config, background_words=())
    bare = replace(model, config=config, decoder=None)
    image = np.random.default_rng(5).integers(0, 255, (40, 56, 3)).astype(np.uint8)
    predictor = Predictor(bare)
    predictor.set_image(image)
    proposal = predictor.propose(("dog",))
    assert proposal.scores.tolist() == [1]
    assert not proposal.cam.any()
    assert not proposal.label_map.any()
    assert predictor.propose(("dog", "cat")).cam.any()
