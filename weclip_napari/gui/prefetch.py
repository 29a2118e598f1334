"""Getting the neighbours ready: read, encoded and proposed for before the user goes there."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.gui.recipe import Recipe
from weclip_napari.gui.tag_result import Proposed, with_label_ids
from weclip_napari.gui.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from weclip_napari.gui.engine import Engine
    from weclip_napari.session.workspace import OpenImage, Workspace

Stamp = tuple[int, int] | None


class _DroppedError(Exception):
    """Raised inside the thread when nobody waits for its work any more."""


@dataclass
class _Ready:
    """What is known of an image before it is opened."""

    image: OpenImage | None  # None once it was given away: its mask is painted in
    digest: str
    stamp: Stamp
    tags: tuple[str, ...] = ()
    recipe: Recipe | None = None
    proposed: Proposed | None = None
    is_done: bool = False


class Prefetcher:
    """Keeps a few images ready, in a thread that lets the user's own requests go first.

    Parameters
    ----------
    engine
        The model; it keeps what it computed of an image in its own bounded memory.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="weclip-ahead")
        self._lock = Lock()
        self._turn = 0
        self._ready: dict[int, _Ready] = {}

    def look_ahead(self, workspace: Workspace, rows: Iterable[int], recipe: Recipe | None) -> None:
        """Get rows ready in the given order and forget all others.

        Parameters
        ----------
        workspace
            The folder.
        rows
            Rows of it.
        recipe
            How to propose; None to propose nothing.
        """
        wanted = tuple(rows)
        with self._lock:
            self._turn += 1
            turn = self._turn
            self._ready = {row: self._ready[row] for row in wanted if row in self._ready}
        for row in wanted:
            self._pool.submit(self._get_ready, turn, workspace, row, recipe)

    def is_ready(self, row: int) -> bool:
        """Whether an image was read, and proposed for if it has tags, so that it shows at once."""
        with self._lock:
            ready = self._ready.get(row)
        return ready is not None and ready.is_done

    def image(self, row: int) -> OpenImage | None:
        """Give away an image that is ready; None if it is not or its files were changed since."""
        with self._lock:
            ready = self._ready.get(row)
            if ready is None or ready.image is None:
                return None
            image, ready.image = ready.image, None
        return image if ready.stamp == _stamp(image.path) else None

    def proposed(self, image: OpenImage, recipe: Recipe) -> Proposed | None:
        """Give away the proposal for an image, if there is one that was made as it would be now."""
        with self._lock:
            ready = self._ready.pop(image.row, None)
        if ready is None or (ready.digest, ready.tags) != (image.digest, image.tags):
            return None
        return ready.proposed if ready.recipe == recipe.only(image.tags) else None

    def forget(self, row: int) -> None:
        """Forget an image, such as one whose files were written."""
        with self._lock:
            self._ready.pop(row, None)

    def drop(self) -> None:
        """Forget everything and stop soon."""
        with self._lock:
            self._turn += 1
            self._ready = {}

    def stop(self) -> None:
        """Forget everything and end the thread."""
        self.drop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _get_ready(self, turn: int, workspace: Workspace, row: int, recipe: Recipe | None) -> None:
        with contextlib.suppress(UserError, _DroppedError):  # told when the image is opened
            ready = self._read(turn, workspace, row)
            if ready.image is None:
                return
            if recipe is None or not ready.tags:
                whole = Recipe(Tuning()).request(ready.image)
                self._engine.prepare(whole, self._report(turn), ahead=True)
            elif ready.recipe != recipe.only(ready.tags):
                self._propose(turn, workspace, ready, recipe)
            ready.is_done = True

    def _read(self, turn: int, workspace: Workspace, row: int) -> _Ready:
        self._check(turn)
        with self._lock:
            known = self._ready.get(row)
        if known is not None:
            return known
        stamp = _stamp(workspace.images[row])
        image = workspace.read(row)
        ready = _Ready(image, image.digest, stamp, image.tags)
        with self._lock:
            if turn == self._turn:
                self._ready[row] = ready
        return ready

    def _propose(self, turn: int, workspace: Workspace, ready: _Ready, recipe: Recipe) -> None:
        image = ready.image
        if image is None:
            return
        request = recipe.request(image, ready.tags, image.negative_tags)
        proposal = self._engine.propose(request, self._report(turn), ahead=True)
        self._check(turn)
        proposed = with_label_ids(proposal, workspace.store)
        with self._lock:
            ready.recipe, ready.proposed = recipe.only(ready.tags), proposed

    def _report(self, turn: int) -> Callable[[str], None]:
        return lambda stage: self._check(turn)

    def _check(self, turn: int) -> None:
        if turn != self._turn:
            raise _DroppedError


def _stamp(path: Path) -> Stamp:
    """Tell one state of an image file from another."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
