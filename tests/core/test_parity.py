"""Every stage against the published implementation's own figures, see ``golden.py``."""

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from torch import Tensor
from weclip_training.schedule import RATE, make_optimizer, rate_factor

from tests.core.golden import Golden, golden_backbone, golden_model, load_golden
from tests.core.reference import channel_weights_by_autograd
from weclip_napari.core.affinity import (
    Transition,
    attention_affinity,
    box_masks,
    keep_maps,
    map_distances,
    patch_maps,
    refine,
)
from weclip_napari.core.backbone import LayerFeatures
from weclip_napari.core.cam import CamResult, GradCam
from weclip_napari.core.classes import (
    COCO_BACKGROUND,
    COCO_CLASSES,
    PUBLISHED_TEMPLATE,
    VOC_BACKGROUND,
    VOC_CLASSES,
    ClassSet,
)
from weclip_napari.core.config import AffinityConfig
from weclip_napari.core.decoder import DecoderOutput, WeclipDecoder
from weclip_napari.core.last_block import LastBlock
from weclip_napari.core.losses import (
    Losses,
    affinity_label,
    combine,
    loss_counts,
    loss_sums,
    radius_mask,
)
from weclip_napari.core.metrics import (
    confusion_matrix,
    mean_class_accuracy,
    mean_iou,
    pixel_accuracy,
)
from weclip_napari.core.par import PixelAdaptiveRefinement
from weclip_napari.core.postprocess import long_side_size, multi_scale_logits, resize
from weclip_napari.core.predictor import Predictor
from weclip_napari.core.prompts import PromptBank
from weclip_napari.core.pseudo_label import label_ids, pseudo_scores, tag_scores
from weclip_napari.core.published import state_dict_to_published

EXACT = 1e-5  # tokens, texts, logits, affinities, losses
CAM = 1e-4  # probabilities, CAMs, gradients
TRANSITION = 5e-6
HALF = 5e-4  # arrays stored in half precision
PIXELS = 2e-4  # share of label pixels that may differ
PUBLISHED_STEPS = 30_000  # of the VOC model's training

VOC_MEAN, VOC_FILTER = AffinityConfig(variant="mean"), AffinityConfig()
COCO_FILTER = AffinityConfig(last_filter=10, box_threshold=0.7)


def assert_close(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    """Compare relative to the largest expected entry."""
    assert actual.shape == expected.shape
    error = float((actual.detach() - expected).abs().max() / expected.abs().max())
    assert error <= tolerance, f"relative error {error:.1e}"


def assert_labels(actual: Tensor, expected: Tensor) -> None:
    """Compare label maps up to a few ties."""
    assert actual.shape == expected.shape
    share = float((actual != expected).float().mean())
    assert share <= PIXELS, f"{share:.1e} of the pixels differ"


def words_of(classes: ClassSet) -> list[str]:
    return [entry.prompts[0] for entry in classes]


@dataclass(frozen=True)
class Stages:
    """All stages on one image with one class set, each computed when first needed."""

    image: np.ndarray
    ids: Tensor
    classes: ClassSet = VOC_CLASSES
    background: tuple[str, ...] = VOC_BACKGROUND

    @cached_property
    def pixels(self) -> Tensor:
        return golden_backbone().preprocess(self.image)

    @cached_property
    def features(self) -> LayerFeatures:
        return golden_backbone().encode(self.pixels)

    @cached_property
    def block(self) -> LastBlock:
        return LastBlock(golden_backbone(), self.features)

    @cached_property
    def cams(self) -> CamResult:
        bank = PromptBank(golden_backbone(), PUBLISHED_TEMPLATE)
        tags = bank.embed(words_of(self.classes))[self.ids - 1]
        scale = golden_backbone().logit_scale
        return GradCam(self.block, bank.embed(self.background), scale)(tags)

    @cached_property
    def maps(self) -> list[Tensor]:
        return patch_maps(self.features, self.block)

    @cached_property
    def decoded(self) -> DecoderOutput:
        """The decoder's output; also stands for its A_f in the filter variants."""
        decoder = golden_model().decoder
        with torch.no_grad():
            tokens = golden_backbone().tapped_tokens(self.features, decoder.config.taps)
            return decoder(tokens, self.features.grid)

    def affinity(self, config: AffinityConfig) -> Tensor:
        return attention_affinity(self.maps, config, self.decoded.affinity[0])

    def transition(self, config: AffinityConfig) -> Transition:
        return Transition.of(self.affinity(config), config)

    def refined(self, config: AffinityConfig) -> Tensor:
        return refine(self.transition(config), self.cams.cam, config.box_threshold)

    def scores(self, config: AffinityConfig, size: tuple[int, int]) -> Tensor:
        par = PixelAdaptiveRefinement(self.pixels, size)
        return pseudo_scores(self.refined(config), par)

    def label(self, config: AffinityConfig, size: tuple[int, int]) -> Tensor:
        return label_ids(self.scores(config, size), self.ids)


@pytest.fixture(scope="module")
def golden() -> Golden:
    return load_golden()


@pytest.fixture(scope="module")
def val(golden: Golden) -> Stages:
    return Stages(golden.image("val_image"), golden["val_classes"].long())


@pytest.fixture(scope="module")
def coco(golden: Golden, val: Stages) -> Stages:
    ids = golden["coco_classes"].long()
    stages = replace(val, ids=ids, classes=COCO_CLASSES, background=COCO_BACKGROUND)
    stages.__dict__["features"] = val.features
    return stages


@pytest.fixture(scope="module")
def training(golden: Golden) -> list[Stages]:
    return [
        Stages(image, torch.from_numpy(ids[ids > 0]).long())
        for image, ids in zip(golden.image("tr_image"), golden.image("tr_classes"), strict=True)
    ]


def label_size(golden: Golden) -> tuple[int, int]:
    height, width = golden["val_label_hw"].tolist()
    return height, width


# Prompts


@pytest.mark.parametrize(
    ("array", "words"),
    [
        ("tok_fg", words_of(VOC_CLASSES)),
        ("tok_bg", VOC_BACKGROUND),
        ("tok_coco_fg", words_of(COCO_CLASSES)),
        ("tok_coco_bg", COCO_BACKGROUND),
    ],
)
def test_tokens_of_prompts(golden: Golden, array: str, words: list[str]) -> None:
    prompts = [PUBLISHED_TEMPLATE.format(word) for word in words]
    tokens = open_clip.get_tokenizer("ViT-B-16")(prompts)
    length = golden[array].shape[1]
    assert torch.equal(tokens[:, :length], golden[array].long())
    assert not tokens[:, length:].any()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        ("text_fg", words_of(VOC_CLASSES)),
        ("text_bg", VOC_BACKGROUND),
        ("coco_text_fg", words_of(COCO_CLASSES)),
        ("coco_text_bg", COCO_BACKGROUND),
    ],
)
def test_text_features(golden: Golden, array: str, words: list[str]) -> None:
    bank = PromptBank(golden_backbone(), PUBLISHED_TEMPLATE)
    assert_close(bank.embed(words), golden[array], EXACT)


# Encoder


def test_tokens(golden: Golden, val: Stages) -> None:
    assert_close(val.features.tokens[0], golden["val_tokens"], EXACT)


def test_attention(golden: Golden, val: Stages) -> None:
    attention = torch.cat([val.features.attention[0], val.block.attention[None]])
    assert_close(attention, golden["val_attn"], HALF)


# Class scores and Grad-CAM


def test_probabilities(golden: Golden, val: Stages) -> None:
    assert_close(val.cams.probabilities, golden["val_prob"], CAM)


def test_channel_weights(golden: Golden, val: Stages) -> None:
    assert_close(val.cams.weights, golden["val_cam_channel_weight"], CAM)


def test_raw_cam(golden: Golden, val: Stages) -> None:
    assert_close(val.cams.raw, golden["val_cam_raw"], CAM)


def test_cam(golden: Golden, val: Stages) -> None:
    assert_close(val.cams.cam, golden["val_cam"], CAM)


def test_coco_cam(golden: Golden, coco: Stages) -> None:
    assert_close(coco.cams.cam, golden["coco_cam"], CAM)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_one_backward_pass_equals_autograd_tag_by_tag(
    golden: Golden, val: Stages, count: int
) -> None:
    tags, background = golden["text_fg"][-count:], golden["text_bg"]
    result = GradCam(val.block, background, golden_backbone().logit_scale)(tags)
    expected = channel_weights_by_autograd(golden_backbone(), val.features, tags, background)
    for weights, reference in zip(result.weights, expected, strict=True):
        assert_close(weights, reference, CAM)


# Affinity and refined CAM


def test_box_masks(golden: Golden, val: Stages) -> None:
    masks = box_masks(val.cams.cam, VOC_FILTER.box_threshold)
    assert torch.equal(masks.to(torch.uint8), golden["val_box_mask"])


def test_boxes(golden: Golden, val: Stages) -> None:
    """The published boxes, without those of holes, make the same mask once cut at the border."""
    rows, columns = val.features.grid
    expected = torch.zeros(len(val.ids), rows, columns, dtype=torch.uint8)
    for mask, boxes in zip(expected, golden["val_boxes"].tolist(), strict=True):
        for x0, y0, x1, y1 in boxes:
            if x0 >= 0:
                mask[y0 : min(y1, rows - 1), x0 : min(x1, columns - 1)] = 1
    assert torch.equal(expected, golden["val_box_mask"])
    masks = box_masks(val.cams.cam, VOC_FILTER.box_threshold)
    assert torch.equal(masks.to(torch.uint8), expected)


def test_coco_box_masks(golden: Golden, coco: Stages) -> None:
    masks = box_masks(coco.cams.cam, COCO_FILTER.box_threshold)
    assert torch.equal(masks.to(torch.uint8), golden["coco_box_mask"])


def test_map_filter(golden: Golden, val: Stages) -> None:
    last = val.maps[-VOC_FILTER.last_filter :]
    distances = map_distances(last, val.decoded.affinity[0], "signed")
    assert_close(distances.float(), golden["val_filt6_diff"], EXACT)
    assert torch.equal(keep_maps(distances).to(torch.uint8), golden["val_filt6_keep"])


@pytest.mark.parametrize(("name", "config"), [("val_mean8", VOC_MEAN), ("val_filt6", VOC_FILTER)])
class TestVocVariant:
    def test_affinity(self, golden: Golden, val: Stages, name: str, config: AffinityConfig) -> None:
        assert_close(val.affinity(config), golden[f"{name}_affinity"], EXACT)

    def test_transition(
        self, golden: Golden, val: Stages, name: str, config: AffinityConfig
    ) -> None:
        assert_close(val.transition(config).matrix(), golden[f"{name}_transition"], TRANSITION)

    def test_refined_cam(
        self, golden: Golden, val: Stages, name: str, config: AffinityConfig
    ) -> None:
        assert_close(val.refined(config), golden[f"{name}_refined"], CAM)


def test_coco_affinity(golden: Golden, coco: Stages) -> None:
    assert_close(coco.affinity(COCO_FILTER), golden["coco_filt10_affinity"], EXACT)


def test_coco_refined_cam(golden: Golden, coco: Stages) -> None:
    assert_close(coco.refined(COCO_FILTER), golden["coco_refined"], CAM)


# Pixel-adaptive refinement and pseudo label


@pytest.mark.parametrize("iterations", [1, 20])
def test_par_alone(golden: Golden, iterations: int) -> None:
    mask = golden["par_mask"]
    par = PixelAdaptiveRefinement(golden["par_image"][None], tuple(mask.shape[1:]))
    assert_close(par(mask, iterations), golden[f"par_out_{iterations}"], EXACT)


def test_upscaled_cam(golden: Golden, val: Stages) -> None:
    scores = tag_scores(val.refined(VOC_FILTER), label_size(golden))
    assert_close(scores, golden["val_cam_up"], HALF)


def test_par_scores(golden: Golden, val: Stages) -> None:
    scores = val.scores(VOC_FILTER, label_size(golden))
    assert_close(scores, golden["val_par"], 2 * HALF)
    best = scores.topk(2, dim=0).values
    assert_close(best[0] - best[1], golden["val_par_margin"], 2 * HALF)


def test_pseudo_label(golden: Golden, val: Stages) -> None:
    assert_labels(val.label(VOC_FILTER, label_size(golden)), golden["val_label"])


def test_pseudo_label_in_training_style(golden: Golden, val: Stages) -> None:
    height, width = val.image.shape[:2]
    scores = tag_scores(val.refined(VOC_MEAN), (height, width))
    assert_close(scores, golden["train_cam_up"], HALF)
    assert_labels(val.label(VOC_MEAN, (height, width)), golden["train_label"])


def test_training_batch(golden: Golden, training: list[Stages]) -> None:
    for index, stages in enumerate(training):
        assert_close(stages.refined(VOC_MEAN), golden[f"tr_refined_{index}"], CAM)
        height, width = stages.image.shape[:2]
        assert_labels(stages.label(VOC_MEAN, (height, width)), golden["tr_label"][index])


# Decoder, losses and training


@pytest.fixture(scope="module")
def crops(golden: Golden) -> LayerFeatures:
    """All blocks' tokens of the training batch."""
    pixels = [golden_backbone().preprocess(image) for image in golden.image("tr_image")]
    return golden_backbone().encode(torch.cat(pixels), attention=False)


def trainable_decoder() -> WeclipDecoder:
    """Return a copy in eval mode, so without dropout, that takes gradients."""
    return deepcopy(golden_model().decoder).requires_grad_()


def decode(decoder: WeclipDecoder, crops: LayerFeatures, mask: Tensor | None) -> DecoderOutput:
    output: DecoderOutput = decoder(
        golden_backbone().tapped_tokens(crops, decoder.config.taps), crops.grid, mask
    )
    return output


def losses_of(output: DecoderOutput, labels: Tensor) -> Losses:
    """Return the losses of a batch as training computes them."""
    pairs = affinity_label(labels, (output.logits.shape[2], output.logits.shape[3]))
    sums = loss_sums(output.logits, output.affinity, labels, pairs)
    return combine(sums, loss_counts(labels, pairs))


class TrainingStep:
    """One backward pass on the training batch under the golden pseudo labels."""

    def __init__(self, golden: Golden, crops: LayerFeatures, mask: Tensor | None) -> None:
        decoder = trainable_decoder()
        self.output = decode(decoder, crops, mask)
        self.losses = losses_of(self.output, golden["tr_label"])
        self.losses.total.backward()
        gradients = {name: p.grad for name, p in decoder.named_parameters()}
        self.gradients = state_dict_to_published(gradients)


@pytest.fixture(scope="module", params=["tr", "trdrop"])
def step(
    request: pytest.FixtureRequest, golden: Golden, crops: LayerFeatures
) -> tuple[str, TrainingStep]:
    """A step without dropout, and one whose dropout is the golden channel mask."""
    mask = golden["trdrop_channel_mask"] if request.param == "trdrop" else None
    return request.param, TrainingStep(golden, crops, mask)


def test_decoder(golden: Golden, val: Stages) -> None:
    assert_close(val.decoded.fused[0], golden["val_fused"], EXACT)
    assert_close(val.decoded.logits[0], golden["val_logits"], EXACT)
    assert_close(val.decoded.affinity[0], golden["val_affinity_pred"], EXACT)


def test_decoder_in_training(golden: Golden, step: tuple[str, TrainingStep]) -> None:
    name, result = step
    affinity = golden[f"{name}_affinity_pred"]
    half = golden.arrays[f"{name}_affinity_pred"].dtype == np.float16
    assert_close(result.output.logits, golden[f"{name}_logits"], EXACT)
    assert_close(result.output.affinity, affinity, HALF if half else EXACT)


def test_radius_mask(golden: Golden, crops: LayerFeatures) -> None:
    assert torch.equal(radius_mask(crops.grid).to(torch.uint8), golden["tr_radius_mask"])


def test_affinity_label(golden: Golden, crops: LayerFeatures) -> None:
    pairs = affinity_label(golden["tr_label"], crops.grid)
    assert torch.equal(pairs, golden["tr_affinity_label"])
    counts = loss_counts(golden["tr_label"], pairs)[2:] + 1
    for name in ("tr_pos_neg", "trdrop_pos_neg"):
        assert torch.equal(counts, golden[name])


def test_losses(golden: Golden, step: tuple[str, TrainingStep]) -> None:
    name, result = step
    for loss, expected in zip(result.losses, golden[f"{name}_losses"], strict=True):
        assert_close(loss, expected, EXACT)


def test_gradient_norms(golden: Golden, step: tuple[str, TrainingStep]) -> None:
    name, result = step
    order = golden.config["param_order"]
    assert sorted(order) == sorted(result.gradients)
    for parameter, expected in zip(order, golden[f"{name}_grad_norms"], strict=True):
        assert_close(result.gradients[parameter].norm(), expected, CAM)


@pytest.mark.parametrize(
    ("array", "parameter"),
    [
        ("tr_grad_pred_weight", "decoder.linear_pred.weight"),
        ("tr_grad_fuse_weight", "decoder_fts_fuse.linear_fuse.weight"),
        ("tr_grad_first_proj_weight", "decoder_fts_fuse.linears_modulelist.0.proj.weight"),
    ],
)
def test_gradients(golden: Golden, crops: LayerFeatures, array: str, parameter: str) -> None:
    gradient = TrainingStep(golden, crops, None).gradients[parameter]
    assert_close(gradient.flatten(1), golden[array], CAM)


def test_learning_rate(golden: Golden) -> None:
    rates = [RATE * rate_factor(t, PUBLISHED_STEPS) for t in golden["opt_steps"].tolist()]
    assert_close(torch.tensor(rates, dtype=torch.float64), golden["opt_lr"], EXACT)


def test_optimizer_steps(golden: Golden, crops: LayerFeatures) -> None:
    decoder = trainable_decoder()
    optimizer = make_optimizer(decoder)
    for step, expected in enumerate(golden["opt_loss_trace"]):
        optimizer.param_groups[0]["lr"] = RATE * rate_factor(step, PUBLISHED_STEPS)
        output = decode(decoder, crops, None)
        losses = losses_of(output, golden["tr_label"])
        assert_close(losses.total.double(), expected, EXACT)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    assert_close(decoder.fuse.bias.detach(), golden["opt_fuse_bias_after3"], CAM)


# Test time


def test_multi_scale(golden: Golden) -> None:
    image, backbone, decoder = golden.image("msc_image"), golden_backbone(), golden_model().decoder
    size = long_side_size(*image.shape[:2], int(golden["msc_resize_long"]))
    pixels = backbone.preprocess(image, size)

    def logits_of(view: Tensor) -> Tensor:
        return decode(decoder, backbone.encode(view, attention=False), None).logits

    with torch.no_grad():
        single = logits_of(pixels)
        averaged = multi_scale_logits(logits_of, pixels, (single.shape[2], single.shape[3]))
    for logits, array, labels in (
        (single, "msc_logits_single", "msc_pred_single"),
        (averaged, "msc_logits", "msc_pred"),
    ):
        assert_close(logits[0], golden[array], EXACT)
        assert_labels(resize(logits, image.shape[:2])[0].argmax(dim=0), golden[labels])


def test_pseudo_label_at_test_time(golden: Golden) -> None:
    """Tags are read off the truth, as published."""
    image = golden.image("msc_image")
    size = long_side_size(*image.shape[:2], int(golden["msc_resize_long"]))
    ids = torch.from_numpy(np.setdiff1d(golden.image("msc_gt"), [0, 255])).long()
    stages = Stages(image, ids)
    stages.__dict__["pixels"] = golden_backbone().preprocess(image, size)
    assert_labels(stages.label(VOC_FILTER, image.shape[:2]), golden["msc_cam_label"])


def test_metrics(golden: Golden) -> None:
    classes = len(VOC_CLASSES) + 1
    matrix = confusion_matrix(golden.image("msc_gt"), golden.image("msc_cam_label"), classes)
    assert np.array_equal(matrix, golden.image("metric_hist"))
    scores = [mean_iou(matrix), pixel_accuracy(matrix), mean_class_accuracy(matrix)]
    assert scores == pytest.approx(golden.image("metric_miou").tolist(), rel=1e-12)


# The whole predictor


def test_predictor(golden: Golden) -> None:
    """From an image at its own size to the published labels, tags read off the truth."""
    image, long_side = golden.image("msc_image"), golden.config["long"]
    ids = np.setdiff1d(golden.image("msc_gt"), [0, 255])
    assert long_side == golden["msc_resize_long"]
    predictor = Predictor(golden_model())
    predictor.set_image(image)
    tags = [VOC_CLASSES.names[i - 1] for i in ids]
    proposal = predictor.propose(tags, scales=(1.0, 0.75), flip=True)
    label = torch.from_numpy(np.array([0, *ids])[proposal.pseudo_label])
    assert_labels(label, golden["msc_cam_label"])
    assert_close(torch.from_numpy(proposal.decoder_logits), golden["msc_logits"], EXACT)


def test_every_array_is_compared(golden: Golden) -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    prefixes = ("tr", "trdrop", "val_mean8", "val_filt6")
    expanded = "".join(source.replace("{name}", prefix) for prefix in prefixes)
    numbered = ("tr_refined_", "par_out_")
    missing = [
        name for name in golden.arrays if name not in expanded and not name.startswith(numbered)
    ]
    assert not missing
