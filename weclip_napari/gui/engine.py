"""The model behind the annotator: loaded late, used by one thread at a time. No Qt here."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from weclip_napari.gui.native_libraries import import_triton_apart

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from weclip_napari.core.predictor import Predictor, Proposal

    Report = Callable[[str], None]

EMBEDDED = "embedded"

Branch = Literal["auto", "cam", "decoder"]
AffinityKind = Literal["attention", "learned"]


@dataclass(frozen=True)
class Request:
    """An image to propose masks for.

    Attributes
    ----------
    key
        What tells the picture from others: a digest of its pixels.
    pixels
        The picture, (H, W, 3) uint8 RGB.
    tags
        The typed tags.
    branch
        Which branch the masks come from.
    """

    key: str
    pixels: NDArray[np.uint8]
    tags: tuple[str, ...] = ()
    branch: Branch = "auto"


@dataclass(frozen=True)
class ModelInfo:
    """What the panel says about the model: its name and the classes its decoder knows."""

    name: str
    classes: tuple[str, ...]


class Engine:
    """A predictor that is loaded when first needed and keeps the features of the last image.

    Every method may be called from any thread; long ones wait for each other.

    Parameters
    ----------
    spec
        Which model: "embedded", an open_clip name, or a checkpoint's path.
    load
        Makes the predictor from `spec`; replaced in tests.
    """

    def __init__(self, spec: str = EMBEDDED, load: Callable[[str], Predictor] | None = None):
        self.spec = spec
        self._load = load or _load_predictor
        self._lock = threading.Lock()
        self._predictor: Predictor | None = None
        self._key: str | None = None

    @property
    def info(self) -> ModelInfo | None:
        """What is known of the model; None until it is loaded."""
        if self._predictor is None:
            return None
        model = self._predictor.model
        classes = model.decoder.config.classes if model.decoder is not None else ()
        return ModelInfo(model.name, tuple(classes))

    def prepare(self, request: Request, report: Report) -> None:
        """Load the model and encode an image, so that its proposals and affinity come at once.

        `report` is told each stage before it starts, and stops the work by raising.
        """
        with self._lock:
            self._encode(request, report)

    def propose(self, request: Request, report: Report) -> Proposal:
        """Propose masks for the tags of a request; see `prepare` for `report`.

        Raises
        ------
        UserError
            When the image or the tags cannot be used.
        """
        with self._lock:
            predictor = self._encode(request, report)
            report("Proposing masks")
            return predictor.propose(request.tags, branch=request.branch)

    def affinity(self, key: str, y: int, x: int, kind: AffinityKind) -> NDArray[np.float32] | None:
        """Look up what belongs with the patch at a pixel, (h, w) float32 on the patch grid.

        None when the engine is busy or holds another image: a moving cursor must not wait.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if self._predictor is None or self._key != key:
                return None
            return self._predictor.affinity_row(y, x, kind)
        finally:
            self._lock.release()

    def _encode(self, request: Request, report: Report) -> Predictor:
        if self._predictor is None:
            report("Loading the model")
            self._predictor = self._load(self.spec)
        if self._key != request.key:
            report("Encoding the image")
            self._key = None
            self._predictor.set_image(request.pixels)
            _relate_patches(self._predictor)
            self._key = request.key
        return self._predictor


def _relate_patches(predictor: Predictor) -> None:
    """Compute the affinities here, so that a moving cursor only looks up a row of them."""
    predictor.affinity_row(0, 0, "attention")
    if predictor.model.decoder is not None:
        predictor.affinity_row(0, 0, "learned")


def _load_predictor(spec: str) -> Predictor:
    import_triton_apart()
    # Torch takes seconds to import; napari's menu must not wait for it.
    from weclip_napari.core.checkpoint import load_model
    from weclip_napari.core.predictor import Predictor

    return Predictor(load_model(spec))
