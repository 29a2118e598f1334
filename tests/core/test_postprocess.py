import sys

import numpy as np
import pytest
import torch

from weclip_napari.core.postprocess import dense_crf, long_side_size, multi_scale_logits
from weclip_napari.errors import UserError

PIXELS = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))


def pool(pixels: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(pixels, 4)


@pytest.mark.parametrize(
    ("size", "expected"), [((100, 200), (256, 512)), ((333, 500), (340, 512)), ((512, 7), (512, 7))]
)
def test_long_side(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert long_side_size(*size, 512) == expected


def test_one_scale_without_flip_is_the_decoder_alone() -> None:
    assert torch.equal(multi_scale_logits(pool, PIXELS, (4, 6), (1.0,), flip=False), pool(PIXELS))


def test_mirrored_logits_are_mirrored_back() -> None:
    averaged = multi_scale_logits(pool, PIXELS, (4, 6), (1.0,))
    assert torch.allclose(averaged, pool(PIXELS))


def test_every_view_weighs_the_same_at_the_size_of_scale_one() -> None:
    seen = []

    def decode(pixels: torch.Tensor) -> torch.Tensor:
        seen.append(pixels)
        return torch.full((1, 1, 3, 3), float(len(seen)))

    logits = multi_scale_logits(decode, PIXELS, (4, 6))
    assert seen[0] is PIXELS
    assert [tuple(x.shape[2:]) for x in seen] == [(16, 24), (16, 24), (12, 18), (12, 18)]
    assert torch.equal(logits, torch.full((1, 1, 4, 6), 2.5))


def test_missing_crf_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    with pytest.raises(UserError, match=r"pip install weclip-napari\[crf\]"):
        dense_crf(np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 2), 0.5, np.float32))


def test_crf_moves_the_border_to_the_edge() -> None:
    pytest.importorskip("pydensecrf.densecrf", reason="the crf extra is not installed")
    image = np.zeros((32, 40, 3), np.uint8)
    image[:, 20:] = 255
    foreground = np.full((32, 40), 0.2, np.float32)
    foreground[:, 18:] = 0.8
    refined = dense_crf(image, np.stack([1 - foreground, foreground]))
    assert np.allclose(refined.sum(axis=0), 1, atol=1e-5)
    assert np.array_equal(refined.argmax(axis=0), np.broadcast_to(np.arange(40) >= 20, (32, 40)))
