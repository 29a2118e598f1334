import pytest
import torch
import torch.nn.functional as F

from tests.core.reference import channel_weights_by_autograd
from weclip_napari.core.backbone import FrozenClip, LayerFeatures
from weclip_napari.core.cam import GradCam, normalise
from weclip_napari.core.checkpoint import random_model, tiny_architecture
from weclip_napari.core.last_block import LastBlock


def random_vectors(count: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(
        torch.randn(count, 16, generator=torch.Generator().manual_seed(seed)), dim=-1
    )


def encoded(**sizes) -> tuple[FrozenClip, LayerFeatures]:
    vision = {name: sizes.pop(name) for name in ("ls_init_value", "no_ln_pre") if name in sizes}
    architecture = tiny_architecture(**sizes)
    architecture["vision_cfg"] |= vision
    backbone = random_model(architecture, classes=()).backbone
    pixels = torch.randn(1, 3, 45, 70, generator=torch.Generator().manual_seed(0))
    return backbone, backbone.encode(pixels)


@pytest.fixture(scope="module")
def grad_cam() -> GradCam:
    backbone, features = encoded()
    return GradCam(LastBlock(backbone, features), random_vectors(5, seed=1), backbone.logit_scale)


def fresh(grad_cam: GradCam, background: torch.Tensor | None = None) -> GradCam:
    words = grad_cam.background if background is None else background
    return GradCam(grad_cam.block, words, grad_cam.logit_scale)


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"quick_gelu": False},
        {"patch": 14, "image_size": 28, "heads": 4},
        {"patch": 32, "layers": 2},
        {"ls_init_value": 0.1},
        {"no_ln_pre": True},
    ],
)
@pytest.mark.parametrize("count", [1, 3, 20])
def test_channel_weights_are_those_of_autograd(sizes: dict[str, int], count: int) -> None:
    backbone, features = encoded(**sizes)
    tags, background = random_vectors(count), random_vectors(5, seed=1)
    block = LastBlock(backbone, features)
    weights = GradCam(block, background, backbone.logit_scale)(tags).weights
    expected = channel_weights_by_autograd(backbone, features, tags, background)
    error = (weights - expected).abs().amax(dim=1) / expected.abs().amax(dim=1)
    assert error.max() < 1e-4


def test_last_block_is_that_of_open_clip() -> None:
    backbone, features = encoded()
    block = LastBlock(backbone, features)
    with torch.no_grad():
        expected = backbone.visual.transformer.resblocks[-1](features.tokens[:, -1])[0]
    assert torch.allclose(block.tokens, expected, atol=1e-5)
    assert torch.allclose(block.attention.sum(dim=-1), torch.tensor(1.0), atol=1e-5)


def test_known_tags_cost_no_backward_pass(
    grad_cam: GradCam, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled: list[int] = []
    pull_back = LastBlock.pull_back

    def count(self: LastBlock, directions: torch.Tensor) -> torch.Tensor:
        pulled.append(len(directions))
        return pull_back(self, directions)

    monkeypatch.setattr(LastBlock, "pull_back", count)
    maps, tags = fresh(grad_cam), random_vectors(4)
    maps(tags[:3])
    maps(tags[1:3])
    maps(tags[[0, 3, 2]])
    maps(tags[:2])
    assert pulled == [3, 1]


@pytest.mark.parametrize("edited", [[0, 1], [0, 3, 2], [3], [2, 1, 0, 3]])
def test_editing_tags_is_as_good_as_starting_over(grad_cam: GradCam, edited: list[int]) -> None:
    tags = random_vectors(4)
    maps = fresh(grad_cam)
    maps(tags[:3])
    again, anew = maps(tags[edited]), fresh(grad_cam)(tags[edited])
    assert torch.allclose(again.cam, anew.cam, atol=1e-5)
    assert torch.equal(again.probabilities, anew.probabilities)


def test_other_background_words_need_no_new_start(grad_cam: GradCam) -> None:
    tags, fewer = random_vectors(3), grad_cam.background[:3]
    maps = fresh(grad_cam)
    maps(tags)
    again, anew = maps(tags, fewer), fresh(grad_cam, fewer)(tags)
    assert torch.allclose(again.weights, anew.weights, atol=1e-5 * float(anew.weights.abs().max()))
    assert not torch.allclose(again.cam, maps(tags).cam, atol=1e-3)


def test_normalised_maps_span_zero_to_one() -> None:
    maps = torch.tensor([[[2.0, 4.0], [3.0, 2.0]], [[5.0, 5.0], [5.0, 5.0]]])
    expected = torch.tensor([[[0.0, 1.0], [0.5, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    assert torch.allclose(normalise(maps), expected, atol=1e-6)
