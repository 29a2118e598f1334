import numpy as np
import pytest
import torch

from weclip_napari.bench import bench_propose
from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.checkpoint import WeclipModel, random_model, tiny_architecture
from weclip_napari.core.config import AffinityConfig, DecoderConfig, WeclipConfig
from weclip_napari.core.fusion import Branch, uncertainty
from weclip_napari.core.last_block import LastBlock
from weclip_napari.core.network_input import network_input
from weclip_napari.core.par import PixelAdaptiveRefinement
from weclip_napari.core.predictor import Predictor, Proposal
from weclip_napari.errors import UserError

CONFIG = WeclipConfig(backbone="random", input_long_side=64, par_long_side=64)


def image_of(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> WeclipModel:
    return random_model(config=CONFIG)


@pytest.fixture
def predictor(model: WeclipModel) -> Predictor:
    predictor = Predictor(model)
    predictor.set_image(image_of())
    return predictor


def assert_same(one: Proposal, other: Proposal) -> None:
    assert one.tags == other.tags
    for name in ("cam", "refined_cam", "scores", "uncertainty", "decoder_logits"):
        assert np.allclose(getattr(one, name), getattr(other, name), atol=1e-4), name
    for name in ("label_map", "pseudo_label"):
        assert np.mean(getattr(one, name) != getattr(other, name)) < 1e-2, name


@pytest.mark.parametrize("size", [(48, 64), (61, 37), (8, 200), (150, 100)])
@pytest.mark.parametrize("branch", ["auto", "cam", "decoder"])
def test_shapes_types_and_ranges(model: WeclipModel, size: tuple[int, int], branch: str) -> None:
    predictor = Predictor(model)
    predictor.set_image(image_of(*size))
    proposal = predictor.propose(["disc", "ring"], branch=branch)
    maps = (2, *proposal.grid)
    assert proposal.image_size == size
    for labels in (proposal.label_map, proposal.pseudo_label):
        assert (labels.shape, labels.dtype) == (size, np.uint8)
        assert labels.max() <= 2
    for values, shape in (
        (proposal.cam, maps),
        (proposal.refined_cam, maps),
        (proposal.scores, (2,)),
        (proposal.uncertainty, size),
        (proposal.refined_cam_at_image_size(1), size),
        (proposal.cam_at_image_size(0), size),
    ):
        assert (values.shape, values.dtype) == (shape, np.float32)
        assert 0 <= values.min() <= values.max() <= 1
    if branch == "cam":
        assert proposal.decoder_logits is None
        assert np.array_equal(proposal.label_map, proposal.pseudo_label)
    else:
        assert proposal.decoder_logits.shape == (4, *proposal.grid)


@pytest.mark.parametrize("sizes", [{"patch": 14, "image_size": 28}, {"quick_gelu": False}])
def test_other_towers(sizes: dict[str, int]) -> None:
    predictor = Predictor(random_model(tiny_architecture(**sizes), config=CONFIG))
    predictor.set_image(image_of(50, 33))
    assert predictor.propose(["disc", "zebra"]).label_map.shape == (50, 33)


def test_image_whose_tokens_are_as_many_as_a_text_has() -> None:
    predictor = Predictor(random_model(config=WeclipConfig(input_long_side=152)))
    predictor.set_image(image_of(32, 152))
    assert predictor.propose(["disc"]).grid == (4, 19)


def test_edited_tags_are_as_good_as_a_fresh_start(model: WeclipModel) -> None:
    edited = Predictor(model)
    edited.set_image(image_of())
    edited.propose(["disc", "zebra", "ring"])
    edited.propose(["ring"])
    for tags in (["disc", "cat"], ["cat", "zebra", "ring", "disc"], ["zebra"]):
        fresh = Predictor(model)
        fresh.set_image(image_of())
        assert_same(edited.propose(tags), fresh.propose(tags))


def test_synonyms_change_the_prompt_alone(predictor: Predictor) -> None:
    proposal = predictor.propose(["disc", "ring"], synonyms={"Disc": "cat", "ring": " "})
    as_cat = predictor.propose(["cat", "ring"])
    assert proposal.tags == ("disc", "ring")
    assert np.allclose(proposal.cam, as_cat.cam, atol=1e-6)
    assert proposal.branches == ("decoder", "decoder")


def test_nothing_is_computed_twice(model: WeclipModel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: dict[str, int] = {}
    for owner, name in (
        (FrozenClip, "encode"),
        (FrozenClip, "encode_text"),
        (LastBlock, "__init__"),
        (LastBlock, "_pull_back"),
        (PixelAdaptiveRefinement, "__init__"),
        (PixelAdaptiveRefinement, "__call__"),
        (type(model.decoder), "forward"),
    ):
        original = getattr(owner, name)

        def counted(*args, original=original, key=f"{owner.__name__}.{name}", **options):
            calls[key] = calls.get(key, 0) + 1
            return original(*args, **options)

        monkeypatch.setattr(owner, name, counted)
    predictor = Predictor(model)
    predictor.set_image(image_of())
    predictor.propose(["disc", "ring", "zebra"])
    predictor.affinity_row(3, 3)
    predictor.tag_scores(["disc", "ring"])
    predictor.propose(["disc", "ring", "zebra"], thresholds={"disc": 0.3}, branch="cam")
    assert calls == {
        "FrozenClip.encode": 1,
        "FrozenClip.encode_text": 2,  # background words at construction, then the tags
        "LastBlock.__init__": 1,
        "LastBlock._pull_back": 1,
        "PixelAdaptiveRefinement.__init__": 1,
        "PixelAdaptiveRefinement.__call__": 1,
        "WeclipDecoder.forward": 1,
    }
    predictor.propose(["disc", "star"], scales=(1.0, 0.75), flip=True)
    assert calls["FrozenClip.encode"] == 1 + 3
    predictor.propose(["disc"], scales=(1.0, 0.75), flip=True)
    assert calls["FrozenClip.encode"] == 1 + 3
    assert calls["LastBlock._pull_back"] == 2


def test_a_new_image_forgets_the_old_one(model: WeclipModel) -> None:
    predictor, fresh = Predictor(model), Predictor(model)
    predictor.set_image(image_of(seed=1))
    predictor.propose(["disc"])
    predictor.set_image(image_of())
    fresh.set_image(image_of())
    assert_same(predictor.propose(["disc"]), fresh.propose(["disc"]))


def test_auto_takes_unknown_tags_from_the_cams(predictor: Predictor) -> None:
    tags = ["zebra", "disc", "ring"]
    proposal = predictor.propose(tags)
    assert proposal.branches == ("cam", "decoder", "decoder")
    assert "'zebra' is unknown to the decoder; its mask comes from the CAM." in proposal.notes
    decoder = predictor.propose(tags[1:], branch="decoder").label_map
    pseudo = predictor.propose(tags, branch="cam").label_map
    ids = np.array([0, 2, 3], np.uint8)[decoder]
    expected = np.where((ids == 0) & (pseudo == 1), 1, ids)
    assert np.array_equal(proposal.label_map, expected)


def test_decoder_refuses_tags_it_does_not_know(predictor: Predictor) -> None:
    with pytest.raises(UserError, match="does not know zebra.*disc, ring, star"):
        predictor.propose(["disc", "zebra"], branch="decoder")


def test_without_decoder_everything_comes_from_the_cams() -> None:
    predictor = Predictor(random_model(config=CONFIG, classes=()))
    predictor.set_image(image_of())
    proposal = predictor.propose(["disc"])
    assert proposal.branches == ("cam",)
    assert proposal.notes == ()
    assert proposal.decoder_logits is None
    with pytest.raises(UserError, match="no trained decoder"):
        predictor.propose(["disc"], branch="decoder")
    with pytest.raises(UserError, match="no trained decoder"):
        predictor.affinity_row(0, 0, "learned")


def test_decoder_may_read_the_last_block() -> None:
    decoder = DecoderConfig(("disc",), in_width=32, taps=(3, 3), width=16, layers=1, heads=2)
    predictor = Predictor(random_model(config=CONFIG, decoder=decoder))
    predictor.set_image(image_of())
    proposal = predictor.propose(["disc"], scales=(1.0, 0.5))
    assert proposal.branches == ("decoder",)


@pytest.mark.parametrize("tags", [[], ["", "  "]])
def test_tags_are_needed(predictor: Predictor, tags: list[str]) -> None:
    with pytest.raises(UserError, match="no tags"):
        predictor.propose(tags)


def test_tags_are_tidied(predictor: Predictor) -> None:
    assert predictor.propose([" disc", "", "Disc", "ring "]).tags == ("disc", "ring")


def test_a_tag_is_not_its_own_background(predictor: Predictor) -> None:
    proposal = predictor.propose(["sky", "disc"])
    assert proposal.notes[-1] == "'sky' is a tag here, so it does not count as background."
    words = tuple(word for word in CONFIG.background_words if word != "sky")
    config = WeclipConfig(input_long_side=64, par_long_side=64, background_words=words)
    without = Predictor(random_model(config=config))
    without.set_image(image_of())
    assert_same(proposal, without.propose(["sky", "disc"]))


def test_thresholds_turn_doubtful_pixels_to_background(predictor: Predictor) -> None:
    tags = ["disc", "zebra"]
    plain = predictor.propose(tags, branch="cam")
    strict = predictor.propose(tags, branch="cam", thresholds={"Zebra ": 1.1})
    assert (plain.label_map == 2).any()
    assert np.array_equal(strict.label_map, np.where(plain.label_map == 2, 0, plain.label_map))
    assert np.array_equal(strict.pseudo_label, plain.pseudo_label)


def test_background_power(predictor: Predictor) -> None:
    background = [
        np.mean(predictor.propose(["disc"], branch="cam", background_power=p).label_map == 0)
        for p in (0.25, 1.0, 4.0)
    ]
    assert background[0] > background[1] > background[2]


def test_affinity_rows_are_rows_of_the_matrices(predictor: Predictor) -> None:
    predictor.propose(["disc"])
    encoded = predictor._encoded
    rows, columns = encoded.grid
    patch = 2 * columns + 5
    row = predictor.affinity_row(2 * 8 + 3, 5 * 8)
    assert row.shape == (rows, columns)
    expected = encoded.transition.matrix()[patch].view(rows, columns)
    assert np.allclose(row, expected.numpy(), atol=1e-6)
    learned = predictor.affinity_row(2 * 8 + 3, 5 * 8, "learned")
    assert np.array_equal(learned.ravel(), encoded.decoded.affinity[0, patch].detach().numpy())
    with pytest.raises(UserError, match="outside"):
        predictor.affinity_row(48, 0)


def test_tag_scores_are_cosines(predictor: Predictor) -> None:
    scores = predictor.tag_scores(["disc", "cat"])
    assert list(scores) == ["disc", "cat"]
    assert all(-1 <= score <= 1 for score in scores.values())
    assert predictor.tag_scores([]) == {}


def test_small_and_missing_images_are_refused(model: WeclipModel) -> None:
    predictor = Predictor(model)
    with pytest.raises(UserError, match="no image"):
        predictor.propose(["disc"])
    with pytest.raises(UserError, match="7 x 64 pixels"):
        predictor.set_image(image_of(7, 64))
    with pytest.raises(ValueError, match="uint8"):
        predictor.set_image(image_of().astype(np.float32))


def test_large_images_are_reduced_and_it_is_said(model: WeclipModel) -> None:
    predictor = Predictor(model)
    small = image_of(24, 32)
    predictor.set_image(small.repeat(100, axis=0).repeat(100, axis=1))
    large = predictor.propose(["disc", "zebra"], branch="cam")
    assert "3200 x 2400 px was reduced to 64 x 48 px" in large.notes[0]
    assert large.label_map.shape == (2400, 3200)
    middles = large.label_map[25::50, 25::50]
    predictor.set_image(small.repeat(2, axis=0).repeat(2, axis=1))
    same = predictor.propose(["disc", "zebra"], branch="cam").label_map
    assert np.mean(middles == same) > 0.97


def test_crf_is_an_extra(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    def trust_background(image: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        assert image.shape[:2] == probabilities.shape[1:]
        assert np.allclose(probabilities.sum(axis=0), 1, atol=1e-5)
        return np.eye(len(probabilities), dtype=np.float32)[:, :1, None].repeat(48, 1).repeat(64, 2)

    monkeypatch.setattr("weclip_napari.core.fusion.dense_crf", trust_background)
    proposal = predictor.propose(["disc", "zebra"], crf=True)
    assert not proposal.label_map.any()
    assert proposal.pseudo_label.any()


def test_mean_variant_and_chosen_layers() -> None:
    affinity = AffinityConfig(variant="mean", layers=(1,), squared=False)
    config = WeclipConfig(input_long_side=64, par_long_side=64, affinity=affinity)
    predictor = Predictor(random_model(config=config))
    predictor.set_image(image_of())
    predictor.propose(["disc"])
    transition = predictor._encoded.transition
    assert torch.equal(transition.matrix(), transition.balanced)


def test_bench_gives_its_figures() -> None:
    figures = bench_propose(random_model(config=CONFIG), size=(48, 64), runs=1)
    names = {"encode_ms", "cold_ms", "cold_over_encode", "retag_over_encode", "peak_mib"}
    assert figures.keys() == names
    assert all(value > 0 for value in figures.values())


@pytest.mark.parametrize("channels", [2, 5])
def test_uncertainty_is_the_missing_lead_of_the_best(channels: int) -> None:
    scores = torch.rand(channels, 6, 7, generator=torch.Generator().manual_seed(0))
    branch = Branch(scores, tuple(range(channels)))
    best, second = (scores / scores.sum(dim=0)).topk(2, dim=0).values
    doubt = uncertainty([branch], torch.zeros(channels - 1), (6, 7))
    assert torch.allclose(doubt, 1 - (best - second), atol=1e-6)


@pytest.mark.parametrize("antialias", [False, True])
def test_blocks_are_averaged_only_if_configured(antialias: bool) -> None:
    config = WeclipConfig(input_long_side=32, antialias=antialias)
    backbone = random_model(config=config).backbone
    image = image_of(64, 128)
    averaged = image.reshape(16, 4, 32, 4, 3).astype(float).mean((1, 3)).round().astype(np.uint8)
    expected = backbone.preprocess(averaged if antialias else image, (16, 32))
    assert torch.allclose(network_input(backbone, image, config), expected, atol=0.05)


@pytest.mark.parametrize("fine", [False, True])
def test_canvas_guides_its_refinement_only_if_configured(
    fine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    guides: list[tuple[int, ...]] = []
    original = PixelAdaptiveRefinement.__init__

    def noted(self, guide: torch.Tensor, size: tuple[int, int]) -> None:
        guides.append(tuple(guide.shape[-2:]))
        original(self, guide, size)

    monkeypatch.setattr(PixelAdaptiveRefinement, "__init__", noted)
    config = WeclipConfig(input_long_side=32, par_long_side=64, par_fine_guide=fine)
    predictor = Predictor(random_model(config=config))
    predictor.set_image(image_of(48, 64))
    predictor.propose(["disc"])
    assert guides == [(48, 64) if fine else (24, 32)]


def test_narrow_images_keep_a_patch(model: WeclipModel) -> None:
    predictor = Predictor(model)
    predictor.set_image(image_of(20, 1500))
    assert predictor._encoded.canvas_size == (8, 64)
    proposal = predictor.propose(["disc"])
    assert proposal.canvas_uncertainty.shape == (8, 64)
    assert proposal.uncertainty.shape == proposal.label_map.shape == (20, 1500)
    assert any("so narrow" in note for note in proposal.notes)
