"""The same figures on a CUDA device, where the encoder runs in half precision."""

import numpy as np
import pytest
import torch

from tests.core.golden import golden_backbone, golden_model, load_golden
from weclip_napari.bench import bench_propose, vit_b16
from weclip_napari.core.cam import GradCam
from weclip_napari.core.checkpoint import random_model
from weclip_napari.core.classes import VOC_BACKGROUND, VOC_CLASSES
from weclip_napari.core.config import WeclipConfig
from weclip_napari.core.last_block import LastBlock
from weclip_napari.core.par import PixelAdaptiveRefinement
from weclip_napari.core.predictor import Predictor, Proposal
from weclip_napari.stages import CLIP_ES, STAGES, StageMaps

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA device"),
]


def assert_close(actual: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    error = float((actual.cpu() - expected).abs().max() / expected.abs().max())
    assert error <= tolerance, f"relative error {error:.1e}"


def test_encoder_and_scores() -> None:
    golden, backbone = load_golden(), golden_backbone("cuda")
    features = backbone.encode(backbone.preprocess(golden.image("val_image")))
    assert_close(features.tokens[0], golden["val_tokens"], 1e-2)
    block = LastBlock(backbone, features)
    attention = torch.cat([features.attention[0], block.attention[None]])
    assert_close(attention, golden["val_attn"], 2e-2)
    tags = golden["text_fg"][golden["val_classes"].long() - 1].cuda()
    result = GradCam(block, golden["text_bg"].cuda(), backbone.logit_scale)(tags)
    assert_close(result.probabilities, golden["val_prob"], 2e-2)
    assert (result.cam.cpu() - golden["val_cam"]).abs().mean() < 0.05


def test_par() -> None:
    golden = load_golden()
    mask = golden["par_mask"].cuda()
    par = PixelAdaptiveRefinement(golden["par_image"][None].cuda(), tuple(mask.shape[1:]))
    assert_close(par(mask), golden["par_out_20"], 1e-4)


def test_predictor() -> None:
    golden = load_golden()
    ids = np.setdiff1d(golden.image("msc_gt"), [0, 255])
    predictor = Predictor(golden_model("cuda"))
    predictor.set_image(golden.image("msc_image"))
    tags = [VOC_CLASSES.names[i - 1] for i in ids]
    proposal = predictor.propose(tags, scales=(1.0, 0.75), flip=True)
    assert_close(torch.from_numpy(proposal.decoder_logits), golden["msc_logits"], 1e-2)
    label = np.array([0, *ids])[proposal.pseudo_label]
    assert np.mean(label != golden.image("msc_cam_label")) < 0.05


def test_every_stage_of_an_evaluation() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    wanted = (*STAGES, CLIP_ES[0])
    for words in (VOC_BACKGROUND, ()):
        config = WeclipConfig(input_long_side=64, par_long_side=64, background_words=words)
        model = random_model(classes=("cat", "dog"), config=config, device="cuda")
        stages = StageMaps(model, ("cat", "dog"), wanted)
        encoded = stages.encode(image)
        maps = stages.maps(encoded, image, ("dog",))
        assert {name: labels.shape for name, labels in maps.items()} == dict.fromkeys(
            wanted, (60, 80)
        )
        assert set(stages.tag_scores(encoded)) == {"cat", "dog"}


def propose(device: str) -> Proposal:
    config = WeclipConfig(input_long_side=96, par_long_side=96)
    predictor = Predictor(random_model(config=config, device=device))
    image = np.random.default_rng(0).integers(0, 256, (72, 96, 3), dtype=np.uint8)
    predictor.set_image(image)
    return predictor.propose(["disc", "zebra"])


def test_gpu_agrees_with_cpu() -> None:
    cpu, gpu = propose("cpu"), propose("cuda")
    assert np.allclose(gpu.scores, cpu.scores, atol=1e-2)
    assert np.allclose(gpu.decoder_logits, cpu.decoder_logits, atol=2e-2)
    assert np.mean(gpu.label_map != cpu.label_map) < 0.05


def test_bench() -> None:
    figures = bench_propose(vit_b16("cuda"), runs=3)
    assert 0 < figures["encode_ms"] < figures["cold_ms"]
    assert figures["peak_mib"] > 0
