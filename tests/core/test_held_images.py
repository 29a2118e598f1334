"""Several encoded images at once, other prompts, and both branches together."""

import numpy as np
import pytest
import torch

from tests.core.test_predictor import CONFIG, assert_same, image_of
from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.checkpoint import WeclipModel, random_model
from weclip_napari.core.config import AffinityConfig, WeclipConfig
from weclip_napari.core.last_block import LastBlock
from weclip_napari.core.memory import held_bytes
from weclip_napari.core.par import PixelAdaptiveRefinement
from weclip_napari.core.predictor import Predictor
from weclip_napari.errors import UserError

TAGS = ["disc", "zebra", "ring"]


@pytest.fixture(scope="module")
def model() -> WeclipModel:
    return random_model(config=CONFIG)


@pytest.fixture
def predictor(model: WeclipModel) -> Predictor:
    predictor = Predictor(model)
    predictor.set_image(image_of())
    return predictor


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was computed, in order; a refinement with its number of channels."""
    made: list[str] = []

    def count(owner: type, name: str, told: str) -> None:
        original = getattr(owner, name)

        def counted(self, first, *others, **options):
            channels = f" {len(first)}" if name == "__call__" else ""
            made.append(told + channels)
            return original(self, first, *others, **options)

        monkeypatch.setattr(owner, name, counted)

    count(FrozenClip, "encode", "encode")
    count(LastBlock, "pull_back", "pull back")
    count(PixelAdaptiveRefinement, "__call__", "refine")
    return made


def test_going_back_to_an_image_computes_nothing_anew(model: WeclipModel, calls) -> None:
    predictor = Predictor(model)
    images = [predictor.encode(image_of(seed=seed)) for seed in range(2)]
    proposals = []
    for image in images:
        predictor.use(image)
        proposals.append(predictor.propose(TAGS))
    calls.clear()
    for image, proposal in zip(images, proposals, strict=True):
        predictor.use(image)
        assert_same(predictor.propose(TAGS), proposal)
    assert calls == []
    assert np.any(proposals[0].cam != proposals[1].cam)


def test_settled_images_answer_like_fresh_ones(model: WeclipModel, predictor: Predictor) -> None:
    settled = Predictor(model)
    settled.set_image(image_of())
    settled._encoded.settle()
    for options in ({}, {"scales": (1.0, 0.5), "flip": True}):
        assert_same(settled.propose(TAGS, **options), predictor.propose(TAGS, **options))
    assert np.array_equal(settled.affinity_row(3, 3), predictor.affinity_row(3, 3))


@pytest.mark.parametrize("variant", ["filter", "mean"])
@pytest.mark.parametrize("classes", [(), ("disc", "ring", "star")])
def test_a_restored_image_gives_the_very_same(
    variant: str, classes: tuple[str, ...], calls
) -> None:
    config = WeclipConfig(
        input_long_side=64,
        par_long_side=64,
        affinity=AffinityConfig(variant=variant, squared=variant == "mean"),
        scales=(1.0, 0.5),
        flip=True,
    )
    predictor = Predictor(random_model(config=config, classes=classes))
    predictor.set_image(image_of())
    expected, row = predictor.propose(TAGS), predictor.affinity_row(5, 9)
    state = predictor.encode(image_of()).state()
    calls.clear()
    predictor.use(predictor.encode(image_of(), state))
    restored = predictor.propose(TAGS)
    assert "encode" not in calls
    for name in ("cam", "refined_cam", "scores", "cam_scores", "label_map", "uncertainty"):
        assert np.array_equal(getattr(restored, name), getattr(expected, name)), name
    assert np.array_equal(predictor.affinity_row(5, 9), row)


def test_another_power_refines_one_channel(predictor: Predictor, model: WeclipModel, calls) -> None:
    predictor.propose(TAGS)
    calls.clear()
    powered = predictor.propose(TAGS, background_power=2.0)
    assert calls == ["refine 1"]
    fresh = Predictor(model)
    fresh.set_image(image_of())
    expected = fresh.propose(TAGS, background_power=2.0)
    assert np.allclose(powered.cam_scores, expected.cam_scores, atol=1e-6)
    assert_same(powered, expected)


def test_other_prompts_never_encode_the_image(predictor: Predictor, calls) -> None:
    plain = predictor.propose(TAGS)
    calls.clear()
    for changed in (
        {"template": "a photo of a {}."},
        {"background_words": ["grass", " ", "grass", "snow"]},
        {"synonyms": {"zebra": "striped horse"}},
    ):
        assert np.any(predictor.propose(TAGS, **changed).scores != plain.scores)
    assert "encode" not in calls
    assert_same(predictor.propose(TAGS), plain)


@pytest.mark.parametrize(
    "changed",
    [{"template": "a photo of a {}."}, {"background_words": ("grass", "snow")}],
)
def test_other_prompts_are_as_good_as_in_the_configuration(
    predictor: Predictor, changed: dict[str, object]
) -> None:
    other = Predictor(random_model(config=WeclipConfig(**{**CONFIG.__dict__, **changed})))
    other.set_image(image_of())
    assert_same(predictor.propose(TAGS, **changed), other.propose(TAGS))


def test_bad_prompts_are_refused(predictor: Predictor) -> None:
    with pytest.raises(UserError, match="no {} where the tag goes"):
        predictor.propose(TAGS, template="a photo")
    with pytest.raises(UserError, match="no {} where the tag goes"):
        predictor.tag_scores(TAGS, template="")
    with pytest.raises(UserError, match="no background words"):
        predictor.propose(TAGS, background_words=[" "])


def test_class_scores_follow_the_prompt(predictor: Predictor) -> None:
    plain = predictor.tag_scores(TAGS)
    renamed = predictor.tag_scores(TAGS, synonyms={"zebra": "disc"})
    assert renamed["zebra"] == pytest.approx(plain["disc"])
    assert predictor.tag_scores(TAGS, template="{}") != plain


def test_both_branches_are_averaged(predictor: Predictor) -> None:
    proposal = predictor.propose(["disc", "ring"], branch="both")
    assert proposal.branches == ("both", "both")
    logits = torch.from_numpy(proposal.decoder_logits[:3])
    size = proposal.cam_scores.shape[1:]
    decoded = torch.nn.functional.interpolate(logits[None], size, mode="bilinear")[0].softmax(dim=0)
    seen = torch.from_numpy(proposal.cam_scores)
    mean = (decoded + seen / seen.sum(dim=0)) / 2
    assert np.array_equal(proposal.label_map, mean.argmax(dim=0).numpy())


def test_both_leaves_unknown_tags_to_the_cam(predictor: Predictor) -> None:
    proposal = predictor.propose(TAGS, branch="both")
    assert proposal.branches == ("both", "cam", "both")
    assert "'zebra' is unknown to the decoder; its mask comes from the CAM." in proposal.notes
    assert 2 in proposal.label_map
    known = np.isin(proposal.label_map, (1, 3))
    seen = torch.from_numpy(proposal.cam_scores)
    seen = seen / seen.sum(dim=0)
    alone = predictor.propose(TAGS, branch="cam").label_map
    assert np.array_equal(proposal.label_map == 2, ~known & (alone == 2))


def test_both_without_decoder_is_the_cam_and_says_so() -> None:
    predictor = Predictor(random_model(config=CONFIG, classes=()))
    predictor.set_image(image_of())
    proposal = predictor.propose(["disc"], branch="both")
    assert proposal.branches == ("cam",)
    assert proposal.notes == ("This model has no decoder; all masks come from the CAM.",)


def test_memory_is_counted_once_and_without_the_weights(model: WeclipModel) -> None:
    values = torch.zeros(4, 5)
    assert held_bytes([values, {"row": values[0]}, values.numpy()]) == 4 * 5 * 4
    assert held_bytes([model, model.backbone, model.decoder]) == 0


def test_a_settled_image_lets_the_features_of_all_blocks_go(model: WeclipModel) -> None:
    encoded = Predictor(model).encode(image_of())
    features = encoded.features.tokens.nbytes + encoded.features.attention.nbytes
    assert features < encoded.nbytes
    used = (encoded.par, encoded.grad_cam, encoded.decoded, encoded.affinity_row(0, 0, "attention"))
    assert used
    before = encoded.nbytes
    encoded.settle()
    assert encoded.nbytes < before
    assert 48 * 48 * 64 * 4 < encoded.nbytes < 1e6
