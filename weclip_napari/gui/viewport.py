"""The one place that touches napari's viewer: layers, camera, grid, keys and the mouse."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import napari.viewer
    from napari.layers import Layer


class Viewport:
    """A small window on napari's viewer, so that its changes between versions meet us here only.

    Parameters
    ----------
    viewer
        Given by napari; call every method on the GUI thread.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer

    @property
    def is_empty(self) -> bool:
        """Whether there is no layer at all."""
        return not self._viewer.layers

    def holds(self, layer: Layer | None) -> bool:
        """Whether a layer is in the layer list."""
        return layer is not None and layer in self._viewer.layers

    def add(self, layer: Layer) -> None:
        """Put a layer on top."""
        self._viewer.layers.append(layer)

    def add_below(self, layer: Layer, other: Layer) -> None:
        """Put a layer right below another one, which becomes the active one if it is there."""
        layers = self._viewer.layers
        if other not in layers:
            layers.append(layer)
            return
        layers.insert(layers.index(other), layer)
        layers.selection.active = other

    def remove(self, layers: Iterable[Layer]) -> None:
        """Take layers out of the list, those that are still in it."""
        present = [layer for layer in layers if self.holds(layer)]
        if present:
            _set_old_objects_aside()
            with self._viewer.layers.batched_update():  # one collection of garbage for all
                for layer in present:
                    self._viewer.layers.remove(layer)

    def arrange(self, wanted: Iterable[Layer | None]) -> None:
        """Bring layers into the given order, from bottom to top, in the places that they have.

        Those that are not in the list are left out.
        """
        layers = self._viewer.layers
        present = [layer for layer in wanted if layer is not None and self.holds(layer)]
        places = sorted(layers.index(layer) for layer in present)
        for place, layer in zip(places, present, strict=True):
            if layers.index(layer) != place:
                layers.move(layers.index(layer), place)

    def raise_to_top(self, layer: Layer) -> None:
        """Put a layer on top of all, adding it if need be, and make it the active one."""
        layers = self._viewer.layers
        if layer not in layers:
            layers.append(layer)
        if layers[-1] is not layer:
            layers.move(layers.index(layer), len(layers))
        layers.selection.active = layer

    def from_sample(self, sample: tuple[str, str]) -> list[Layer]:
        """Give the layers that napari added for a sample of a plugin, by (plugin, key)."""
        return [layer for layer in self._viewer.layers if layer.source.sample == sample]

    @property
    def is_grid(self) -> bool:
        """Whether layers are shown side by side."""
        return bool(self._viewer.canvas.grid.enabled)

    @is_grid.setter
    def is_grid(self, is_grid: bool) -> None:
        self._viewer.canvas.grid.enabled = is_grid

    @property
    def camera(self) -> tuple[tuple[float, float], float]:
        """Centre (y, x) in pixels of the image, and zoom in pixels of the screen."""
        camera = self._viewer.scene.camera
        y, x = camera.center[-2:]
        return (float(y), float(x)), float(camera.zoom)

    @camera.setter
    def camera(self, place: tuple[tuple[float, float], float]) -> None:
        center, zoom = place
        self._viewer.scene.camera.center = (0.0, *center)
        self._viewer.scene.camera.zoom = zoom

    def reset_view(self) -> None:
        """Fit the picture into the canvas."""
        self._viewer.reset_view()

    def bind_key(self, key: str, action: Callable[[], object] | None) -> None:
        """Let a key of the viewer do something, or, with None, nothing any more."""
        if action is None:
            self._viewer.bind_key(key, None)
        else:
            self._viewer.bind_key(key, lambda _: _call(action), overwrite=True)

    def on_mouse_move(self, callback: Callable[[Any, Any], None]) -> None:
        """Call back with (viewer, event) whenever the mouse moves over the canvas."""
        self._viewer.mouse_move_callbacks.append(callback)

    def release(self) -> None:
        """Let all garbage be collected again, once the viewer is not worked on any more."""
        gc.unfreeze()

    def stop_mouse_move(self, callback: Callable[[Any, Any], None]) -> None:
        """Call back no longer."""
        if callback in self._viewer.mouse_move_callbacks:
            self._viewer.mouse_move_callbacks.remove(callback)


def _set_old_objects_aside() -> None:
    """Keep the objects of today out of later collections of garbage.

    Napari collects all garbage whenever a layer goes. Torch and napari make millions of objects
    that live as long as the program; looking at them takes half a second each time.
    """
    if not gc.get_freeze_count():
        gc.freeze()


def _call(action: Callable[[], object]) -> None:
    action()
