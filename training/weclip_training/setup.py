"""What a run starts from: its images, and a model whose decoder is to be trained on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.checkpoint import load_model
from weclip_napari.core.config import DecoderConfig
from weclip_napari.core.decoder import WeclipDecoder
from weclip_napari.core.model import WeclipModel
from weclip_napari.core.published import benchmark_config
from weclip_napari.core.typed_tags import prompt_words
from weclip_napari.errors import UserError
from weclip_napari.session.dataset import read_dataset
from weclip_training.annotated import AnnotatedImages, plan_folder, require_usable, write_held_out
from weclip_training.data import TrainData, open_data, require_scorable
from weclip_training.extension import extended
from weclip_training.views import ViewBuilder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weclip_napari.core.config import WeclipConfig
    from weclip_training.annotated import FolderPlan
    from weclip_training.config import TrainConfig

PUBLISHED_WIDTH = 256
HELD_OUT = "held_out"


@dataclass(frozen=True)
class Setup:
    """What a run starts from.

    Attributes
    ----------
    data : TrainData
        The images.
    base : WeclipModel
        The model that the run began with.
    decoder : WeclipDecoder
        To be trained.
    builder : ViewBuilder
        Shows the images to the backbone.
    settings : WeclipConfig
        Of the model, with the prompt and background words of an annotated folder in their place.
    synonyms : mapping
        From class name to the words for its prompt, where such a folder has others.
    unseen : tuple of int
        Label ids of the classes of such a folder that nobody drew and `base` does not know.
    """

    data: TrainData
    base: WeclipModel
    decoder: WeclipDecoder
    builder: ViewBuilder
    settings: WeclipConfig
    synonyms: Mapping[str, str]
    unseen: tuple[int, ...] = ()

    def model(self, config: TrainConfig) -> WeclipModel:
        """Return the model with its decoder as it is now."""
        base = self.base
        card = {"training": config.to_json()}
        settings = with_test_views(base.config, config)
        name = Path(config.run).name
        return WeclipModel(base.backbone, self.decoder, settings, name, base.architecture, card)


def with_test_views(settings: WeclipConfig, config: TrainConfig) -> WeclipConfig:
    """Put the test-time views that a run asks for, if any, in place of a model's own."""
    return replace(
        settings,
        scales=config.scales or settings.scales,
        flip=settings.flip if config.flip is None else config.flip,
    )


def set_up(config: TrainConfig, classes: tuple[str, ...] | None = None) -> Setup:
    """Open the images and the model of a run.

    Parameters
    ----------
    config : TrainConfig
        The run.
    classes : tuple of str, optional
        What the decoder knew when the run was broken off; by default the data decide.

    Raises
    ------
    UserError
        If data or model cannot be used.
    """
    base = load_base(config)
    if config.supervision == "mixed":
        return _annotated(config, base, classes)
    data = open_data(config.data, config.supervision)
    decoder = _new_decoder(config, base, data.classes)
    builder = _builder(base, base.config, decoder, {})
    return Setup(data, base, decoder, builder, base.config, {})


def load_base(config: TrainConfig) -> WeclipModel:
    """Load the model that a run begins with.

    Raises
    ------
    UserError
        If it cannot be loaded.
    """
    weights = None if config.weights is None else Path(config.weights)
    model = load_model(config.model, config.device, weights=weights)
    if config.benchmark is None:
        return model
    return replace(model, config=benchmark_config(model.config, config.benchmark))


def _annotated(config: TrainConfig, base: WeclipModel, classes: tuple[str, ...] | None) -> Setup:
    given = config.data.held_out
    plan = plan_folder(config.data.root, config.data.selection, hold_out=given is None)
    require_usable(plan, hold_out=given is None)
    wanted = classes or plan.classes
    if base.decoder is None:
        decoder = _new_decoder(config, base, wanted)
    else:
        decoder = extended(base.decoder, wanted, config.fit.seed)
    known = decoder.config.classes
    if given is None:
        held_out = write_held_out(plan, known, Path(config.run) / HELD_OUT)
    else:
        held_out = read_dataset(given)
        require_scorable(held_out, known)
    drawn = len(plan.accepted) + len(plan.edited)
    data = TrainData(known, AnnotatedImages(plan, known), held_out, plan.notes, drawn)
    own = _folder_config(base.config, plan)
    builder = _builder(base, own, decoder, plan.synonyms)
    unseen = _unseen(plan, base, known)
    return Setup(data, base, decoder, builder, own, plan.synonyms, unseen)


def _unseen(plan: FolderPlan, base: WeclipModel, classes: tuple[str, ...]) -> tuple[int, ...]:
    """Give the label ids of classes that can be known from tags alone."""
    seen = {name.casefold() for image in (*plan.accepted, *plan.edited) for name in image.drawn}
    if base.decoder is not None:
        seen |= {name.casefold() for name in base.decoder.config.classes}
    return tuple(i for i, name in enumerate(classes, start=1) if name.casefold() not in seen)


def _folder_config(config: WeclipConfig, plan: FolderPlan) -> WeclipConfig:
    """Put the folder's prompt and background words in place of the model's."""
    prompts = plan.prompts
    return replace(
        config,
        template=prompts.template or config.template,
        background_words=prompts.background or config.background_words,
    )


def _builder(
    base: WeclipModel, config: WeclipConfig, decoder: WeclipDecoder, synonyms: Mapping[str, str]
) -> ViewBuilder:
    prompts = {name: prompt_words(name, synonyms) for name in decoder.config.classes}
    return ViewBuilder(base.backbone, decoder.config, prompts, config)


def _new_decoder(config: TrainConfig, base: WeclipModel, classes: tuple[str, ...]) -> WeclipDecoder:
    """Make a new decoder, the same for the same seed."""
    known = None if base.decoder is None else base.decoder.config
    depth = base.backbone.depth
    first = config.first_layer or (known.taps[0] if known else 1)
    if first > depth:
        raise UserError(f"The backbone has {depth} blocks; N0 cannot be {first}.")
    shape = DecoderConfig(
        classes,
        base.backbone.width,
        (first, max(first, depth - 1)),
        width=config.width or (known.width if known else PUBLISHED_WIDTH),
    )
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(config.fit.seed)
        decoder = WeclipDecoder(shape)
    return decoder.to(base.backbone.device).eval()
