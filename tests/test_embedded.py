"""The model in the package: small, described, and better than chance on held-out scenes."""

import numpy as np
import pytest
import torch

from weclip_napari.core.checkpoint import load_model, untrained_twin
from weclip_napari.core.mini import FOLDER, mini_model_config
from weclip_napari.core.predictor import Predictor
from weclip_napari.evaluate import evaluate_dataset
from weclip_napari.scenes import CLASSES, HELD_OUT_SEED, write_scenes
from weclip_napari.session.dataset import read_dataset

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def model():
    return load_model("embedded", "cpu")


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("held-out")
    write_scenes(folder, 24, HELD_OUT_SEED)
    return read_dataset(folder)


def test_it_fits_the_wheel():
    assert (FOLDER / "clip.safetensors").stat().st_size < 12 * MEBIBYTE
    assert (FOLDER / "decoder.safetensors").stat().st_size < 8 * MEBIBYTE


def test_its_card_says_how_it_was_made(model):
    assert "drawn scenes" in model.card["knows"]
    assert model.card["pretraining"]["config"]["minutes"] > 60
    assert model.card["pretraining"]["last"]["samples"] > 100_000
    assert model.card["decoder"]["labels"].startswith("tags")
    assert set(model.card["figures"]["miou"]) == {
        "cam",
        "refined_cam",
        "pseudo_label",
        "decoder",
        "decoder_untagged",
    }


def test_its_decoder_knows_the_drawn_classes(model):
    assert model.decoder is not None
    assert model.decoder.config.classes == CLASSES
    assert model.architecture == mini_model_config()


def test_it_beats_its_untrained_twin_on_held_out_scenes(model, held_out):
    trained = evaluate_dataset(model, held_out)
    untrained = evaluate_dataset(untrained_twin(model), held_out)
    assert not trained.problems
    # floors well under what the card says of 200 scenes: these are 24
    assert trained.tag_auc > 0.9
    assert trained.miou["cam"] > 45
    assert trained.miou["refined_cam"] > trained.miou["cam"]
    assert trained.miou["decoder"] > 55
    for stage, score in untrained.miou.items():
        assert trained.miou[stage] > score + 20, stage


def test_the_same_picture_gives_the_same_masks(model):
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    proposals = []
    for _ in range(2):
        predictor = Predictor(model)
        predictor.set_image(image)
        proposals.append(predictor.propose(["star", "cat"]))
    np.testing.assert_array_equal(proposals[0].label_map, proposals[1].label_map)


def test_nothing_in_it_asks_for_a_gradient(model):
    assert not any(p.requires_grad for p in model.backbone.clip.parameters())
    assert torch.is_tensor(model.backbone.clip.logit_scale)
