"""Figure 1: CLIP-ES, ours and the truth, side by side on images trained on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from weclip_napari.errors import UserError, naming
from weclip_napari.pictures.contact_sheet import contact_sheet, legend
from weclip_napari.pictures.overlays import mask_picture
from weclip_napari.session.dataset import read_example
from weclip_napari.session.masks import voc_palette
from weclip_napari.tally import Tally
from weclip_training.reproduce.item import Item
from weclip_training.reproduce.kept import digest
from weclip_training.reproduce.pictures import draw_once
from weclip_training.reproduce.report import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from weclip_napari.session.dataset import Example
    from weclip_napari.stages import StageMaps
    from weclip_training.config import TrainConfig
    from weclip_training.reproduce.study import Study

ITEM = "figure1"
IMAGES = 6
SIDE = 256
"""Longer side of a picture in the panel, in pixels."""
METHODS = ("clip_es", "ours")
OURS = "decoder_untagged"
NO_CRF = "without its CRF, which needs pip install weclip-napari[crf]"


@dataclass(frozen=True)
class Shown:
    """One image of the panel.

    Attributes
    ----------
    tags : tuple of str
        What it shows.
    image : ndarray of uint8, shape (H, W, 3)
        RGB.
    masks : dict
        From each of `METHODS` to label ids, uint8, (H, W).
    truth : ndarray of uint8, shape (H, W)
        Label ids.
    """

    tags: tuple[str, ...]
    image: NDArray[np.uint8]
    masks: dict[str, NDArray[np.uint8]]
    truth: NDArray[np.uint8]


def rows(study: Study) -> Iterator[Row]:
    """Compare both on a few images of the first seed's run, and draw them to ``figure1.png``.

    The images stand at equal distances in the train list. The paper shows the picture only and
    has no numbers for it.

    Raises
    ------
    UserError
        If the run cannot be trained, or not one image be shown.
    """
    from weclip_napari.core.postprocess import has_crf

    config = study.config(study.seeds[0])
    classes, crf = study.dataset("train", config.fit.seed).classes, has_crf()
    key = {"item": ITEM, "run": study.runs.folder(config).name, "crf": crf}
    study.runs.finish(config)
    shown = cache(lambda: _shown(study, config, crf=crf))
    kept = study.scored(key, lambda: _scores(shown(), classes))
    titles = {"clip_es": "CLIP-ES" if crf else "CLIP-ES without CRF", "ours": "ours"}
    draw_once(
        study.out / f"{ITEM}.png",
        digest(study.context() | key),
        lambda: panel(titles, shown(), classes),
    )
    trained = {"clip_es": 0.0, "ours": study.runs.seconds(config)}
    for name, title in titles.items():
        yield Row(
            f"{title}, on the {round(kept.values['images'])} images shown",
            values=(kept.values[name],) if name in kept.values else (),
            seconds=kept.seconds / len(titles) + trained[name],
            remark=NO_CRF if name == "clip_es" and not crf else "",
        )


def panel(
    titles: Mapping[str, str], shown: Sequence[Shown], classes: tuple[str, ...]
) -> NDArray[np.uint8]:
    """Lay out images beside their masks, with the mean IoU of each.

    Parameters
    ----------
    titles
        What to call each of `METHODS`.
    shown
        One for each row, of any size.
    classes
        ``classes[i]`` has label id i + 1.

    Returns
    -------
    ndarray of uint8, shape (H', W', 3)
        The picture.
    """
    sheet = []
    for one in shown:
        small = _fitted(one.image)
        masks = (*(one.masks[name] for name in titles), one.truth)
        caption = f"mean IoU: {_ious_in_words(titles, mean_ious([one], classes))}"
        sheet.append((caption, [small, *(mask_picture(small, mask) for mask in masks)]))
    rows_of_views = contact_sheet(("image", *titles.values(), "truth"), sheet)
    return np.concatenate([rows_of_views, _legend(shown, classes, rows_of_views.shape[1])])


def _ious_in_words(titles: Mapping[str, str], ious: Mapping[str, float | None]) -> str:
    return ", ".join(
        f"{title} {'-' if ious[name] is None else f'{ious[name]:.0f} %'}"
        for name, title in titles.items()
    )


def _legend(shown: Sequence[Shown], classes: tuple[str, ...], width: int) -> NDArray[np.uint8]:
    """Name the classes that any of the masks has."""
    masks = [mask for one in shown for mask in (one.truth, *one.masks.values())]
    labels = np.unique(np.concatenate([np.unique(mask) for mask in masks])).tolist()
    named = [(label, classes[label - 1]) for label in labels if 0 < label <= len(classes)]
    return legend([(name, voc_palette()[label].tolist()) for label, name in named], width)


def mean_ious(shown: Sequence[Shown], classes: tuple[str, ...]) -> dict[str, float | None]:
    """Return the mean IoU in percent of `METHODS`, all the images in one confusion matrix."""
    tally = Tally(classes, METHODS)
    for one in shown:
        tally.add(one.truth, one.masks, one.tags)
    return tally.report(0.0, ()).miou


def _scores(shown: Sequence[Shown], classes: tuple[str, ...]) -> dict[str, float]:
    scores = mean_ious(shown, classes)
    known = {name: value for name, value in scores.items() if value is not None}
    return known | {"images": len(shown)}


def _shown(study: Study, config: TrainConfig, *, crf: bool) -> list[Shown]:
    from weclip_napari.stages import StageMaps

    dataset = study.dataset("train", config.fit.seed)
    maps = StageMaps(study.trained(config), dataset.classes, (_clip_es(crf), OURS))
    count = len(dataset.examples)
    found = []
    for number in np.linspace(0, count - 1, min(IMAGES, count)).round().astype(int).tolist():
        try:
            found.append(_masked(dataset.examples[number], maps, crf=crf))
        except UserError as error:
            study.note(f"note: {error}")
    if not found:
        raise UserError(f"'{dataset.folder}' has no image that can be shown.")
    return found


def _masked(example: Example, maps: StageMaps, *, crf: bool) -> Shown:
    image, truth = read_example(example)
    with naming(example.image):
        made = maps.maps(maps.encode(image), image, example.tags)
    masks = {"clip_es": made[_clip_es(crf)], "ours": made[OURS]}
    return Shown(example.tags, image, masks, truth)


def _clip_es(crf: bool) -> str:
    return "clip_es_crf" if crf else "clip_es"


def _fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = Image.fromarray(image)
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(small)


FIGURE1 = Item(
    name=ITEM,
    about="Images of the train split, what CLIP-ES and ours make of them, and the truth.",
    heading="mIoU %, train",
    rows=rows,
    runs=lambda study: [study.config(study.seeds[0])],
)
