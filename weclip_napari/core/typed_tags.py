"""Tags as people type them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from weclip_napari.core.classes import published_entry
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")


def tidy(tags: Sequence[str]) -> tuple[str, ...]:
    """Strip blanks and drop empty and repeated tags; the first spelling of a tag stays.

    Raises
    ------
    UserError
        If none is left.
    """
    by_key: dict[str, str] = {}
    for tag in tags:
        if key := _key(tag):
            by_key.setdefault(key, tag.strip())
    if not by_key:
        raise UserError("no tags: name at least one thing that the image shows, such as 'dog'.")
    return tuple(by_key.values())


def look_up(values: Mapping[str, T] | None, tag: str, default: T) -> T:
    """Return the value of a tag, whatever its case, or the default."""
    by_key = {_key(name): value for name, value in (values or {}).items()}
    return by_key.get(_key(tag), default)


def prompt_words(tag: str, synonyms: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return what stands for a tag in the prompt: its synonym, or its published words."""
    synonym = look_up(synonyms, tag, "").strip()
    return (synonym,) if synonym else published_entry(tag).prompts


def _key(tag: str) -> str:
    return tag.strip().casefold()
