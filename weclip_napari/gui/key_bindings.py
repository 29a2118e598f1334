"""The annotator's keys in the viewer, which the user can change while they are in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weclip_napari.gui.tooltips import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from weclip_napari.gui.viewport import Viewport


class KeyBindings:
    """Binds a key to each action that has one.

    Parameters
    ----------
    viewport
        Where keys are pressed.
    actions
        What to do, by the action's name.
    """

    def __init__(self, viewport: Viewport, actions: Mapping[str, Callable[[], object]]) -> None:
        self._viewport = viewport
        self._actions = dict(actions)
        self._bound: list[str] = []

    def bind(self) -> None:
        """Bind the keys that are in use now, in place of those bound before."""
        self.unbind()
        for name, action in self._actions.items():
            key = key_of(name)
            if key:
                self._viewport.bind_key(key, action)
                self._bound.append(key)

    def unbind(self) -> None:
        """Give the keys back."""
        for key in self._bound:
            self._viewport.bind_key(key, None)
        self._bound = []
