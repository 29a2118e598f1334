"""All that decides how a proposal comes out besides the image and the model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from weclip_napari.gui.engine import Request

if TYPE_CHECKING:
    from weclip_napari.gui.tuning import Tuning
    from weclip_napari.session.class_table import ClassTable
    from weclip_napari.session.workspace import OpenImage

T = TypeVar("T")


@dataclass(frozen=True)
class Recipe:
    """How to propose: equal ones give equal proposals for an image.

    Attributes
    ----------
    tuning
        What the sliders say.
    synonyms, thresholds
        (class name, value) of the classes that have one.
    template, background_words
        The folder's prompt and the words that compete with tags; None for the model's own.
    classes
        The folder's classes.
    """

    tuning: Tuning
    synonyms: tuple[tuple[str, str], ...] = ()
    thresholds: tuple[tuple[str, float], ...] = ()
    template: str | None = None
    background_words: tuple[str, ...] | None = None
    classes: tuple[str, ...] = field(default=(), compare=False)  # does not change the masks

    def only(self, tags: tuple[str, ...]) -> Recipe:
        """Leave out what is about other tags, and name classes as the tags are spelled."""
        spelling = {tag.casefold(): tag for tag in tags}
        return replace(
            self, synonyms=_of(self.synonyms, spelling), thresholds=_of(self.thresholds, spelling)
        )

    def request(
        self, image: OpenImage, tags: tuple[str, ...] = (), negative_tags: tuple[str, ...] = ()
    ) -> Request:
        """Ask for proposals for the tags of an image, looking out for classes that lack a tag."""
        part = self.only(tags)
        return Request(
            image.digest,
            image.pixels,
            tags,
            branch=part.tuning.branch,
            thresholds=dict(part.thresholds),
            background_power=part.tuning.background_power,
            synonyms=dict(part.synonyms),
            template=part.template,
            background_words=part.background_words,
            classes=part.classes,
            negative_tags=negative_tags,
        )


def make_recipe(tuning: Tuning, classes: ClassTable) -> Recipe:
    """Note how to propose now; later changes of the classes do not reach into it."""
    return Recipe(
        tuning,
        tuple(sorted(classes.synonyms().items())),
        tuple(sorted(classes.thresholds().items())),
        classes.prompts.template,
        classes.prompts.background,
        classes.names,
    )


def _of(values: tuple[tuple[str, T], ...], spelling: dict[str, str]) -> tuple[tuple[str, T], ...]:
    known = ((spelling.get(name.casefold()), value) for name, value in values)
    return tuple((tag, value) for tag, value in known if tag is not None)
