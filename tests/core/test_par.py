import pytest
import torch

from weclip_napari.core.par import PixelAdaptiveRefinement
from weclip_napari.core.pseudo_label import label_ids, pseudo_scores, with_background

IMAGE = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0))


def test_a_constant_mask_only_grows_by_a_hundredth() -> None:
    masks = torch.full((2, 20, 30), 0.5)
    refined = PixelAdaptiveRefinement(IMAGE, (20, 30))(masks, 3)
    assert torch.allclose(refined, torch.tensor(0.5 * 1.01**3), atol=1e-5)
    assert torch.equal(masks, torch.full((2, 20, 30), 0.5))


def test_pixel_constants_do_not_matter() -> None:
    masks = torch.rand(1, 20, 30)
    scale = torch.tensor([2.0, 0.5, 7.0]).view(1, 3, 1, 1)
    one, other = (PixelAdaptiveRefinement(x, (20, 30)) for x in (IMAGE, IMAGE * scale - 1))
    assert torch.allclose(one(masks, 5), other(masks, 5), atol=1e-4)


def test_channels_do_not_mix() -> None:
    par, masks = PixelAdaptiveRefinement(IMAGE, (20, 30)), torch.rand(3, 20, 30)
    assert torch.allclose(par(masks, 4)[1:2], par(masks[1:2], 4))


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (130, 7)])
def test_any_size(size: tuple[int, int]) -> None:
    refined = PixelAdaptiveRefinement(IMAGE, size)(torch.rand(2, *size), 2)
    assert refined.shape == (2, *size)
    assert torch.isfinite(refined).all()


def test_masks_follow_the_edge_of_the_image() -> None:
    image = torch.zeros(1, 3, 40, 40)
    image[..., 20:] = 1
    mask = torch.zeros(1, 40, 40)
    mask[..., 17:] = 1  # three columns too far
    refined = PixelAdaptiveRefinement(image, (40, 40))(mask, 10)[0] / 1.01**10
    assert (refined[:, 20:] > 0.9).all()
    assert (refined[:, 17:20] < 0.7).all()


def test_background_is_what_no_tag_claims() -> None:
    scores = torch.tensor([[[0.1, 0.9]], [[0.3, 0.2]]])
    assert torch.allclose(with_background(scores)[0], torch.tensor([[0.7, 0.1]]))
    assert torch.allclose(with_background(scores, 2.0)[0], torch.tensor([[0.49, 0.01]]))


def test_labels_carry_the_given_ids() -> None:
    scores = torch.tensor([[[0.5, 0.1, 0.1]], [[0.1, 0.9, 0.1]], [[0.2, 0.2, 0.7]]])
    assert label_ids(scores, torch.tensor([7, 12])).tolist() == [[0, 7, 12]]


def test_pseudo_scores_have_the_size_of_the_refinement() -> None:
    par = PixelAdaptiveRefinement(IMAGE, (13, 17))
    assert pseudo_scores(torch.rand(2, 4, 5), par, iterations=1).shape == (3, 13, 17)
