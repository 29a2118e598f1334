"""Encoded images of one model, within bounds: in memory, and beyond that on disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from weclip_napari.core.memory import return_freed
from weclip_napari.core.network_input import VERSION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weclip_napari.core.encoded_image import EncodedImage
    from weclip_napari.core.feature_store import FeatureStore
    from weclip_napari.core.predictor import Predictor


class HeldImages:
    """The images that a predictor has encoded, settled, by a digest of their pixels.

    `get`, `pin` and `in` never wait and may be called from any thread; the other methods compute,
    and must be called by one thread at a time.

    Parameters
    ----------
    predictor : Predictor
        Encodes.
    store : FeatureStore
        Keeps what it encoded, for the next run and for images that no longer fit in memory.
    max_bytes : int
        Of the images in memory; the one pinned stays whatever its size.
    """

    def __init__(self, predictor: Predictor, store: FeatureStore, max_bytes: int) -> None:
        self.predictor = predictor
        self._store = store
        self._max_bytes = max_bytes
        self._images: OrderedDict[str, EncodedImage] = OrderedDict()  # the last used at the end
        self._sizes: dict[str, int] = {}
        self._pinned = ""
        self._guard = threading.Lock()

    def __contains__(self, digest: str) -> bool:
        """Return whether an image is in memory."""
        with self._guard:
            return digest in self._images

    @property
    def nbytes(self) -> int:
        """How much memory the images take."""
        with self._guard:
            return sum(self._sizes.values())

    def get(self, digest: str) -> EncodedImage | None:
        """Return an image that is in memory."""
        with self._guard:
            if digest in self._images:
                self._images.move_to_end(digest)
            return self._images.get(digest)

    def pin(self, digest: str) -> None:
        """Make sure that one image, instead of that of the last call, stays in memory."""
        with self._guard:
            self._pinned = digest

    def restore(self, digest: str, pixels: NDArray[np.uint8]) -> EncodedImage | None:
        """Return an image that is on disk, and hold it in memory."""
        state = self._store.load(self._key(digest))
        if state is None:
            return None
        encoded = self.predictor.encode(pixels, state)
        encoded.settle()
        self.keep(digest, encoded)
        return encoded

    def encode(self, digest: str, pixels: NDArray[np.uint8]) -> EncodedImage:
        """Encode an image and hold it; it is written to the disk in the background.

        Raises
        ------
        UserError
            If a side is shorter than one patch.
        """
        encoded = self.predictor.encode(pixels)
        self._store.save_later(self._key(digest), encoded.state())
        self.keep(digest, encoded)
        return encoded

    def keep(self, digest: str, encoded: EncodedImage) -> None:
        """Hold an image, as large as it is by now, and let go of others until all fit."""
        size = encoded.nbytes
        with self._guard:
            self._images[digest] = encoded
            self._images.move_to_end(digest)
            self._sizes[digest] = size
            before = len(self._images)
            for oldest in list(self._images):
                if sum(self._sizes.values()) > self._max_bytes and oldest != self._pinned:
                    del self._images[oldest], self._sizes[oldest]
            is_freed = len(self._images) < before
        if is_freed:
            return_freed()

    def _key(self, digest: str) -> str:
        model = self.predictor.model
        return f"{VERSION}/{model.fingerprint}/{model.backbone.device.type}/{digest}"
