"""The model behind the annotator: loaded late, used by one thread at a time. No Qt here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from weclip_napari.gui.native_libraries import gentle_imports
from weclip_napari.gui.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from weclip_napari.core.encoded_image import EncodedImage
    from weclip_napari.core.held_images import HeldImages
    from weclip_napari.core.predictor import Predictor, Proposal

    Report = Callable[[str], None]
    Load = Callable[[str], Predictor]

EMBEDDED = "embedded"
MEMORY_MIB = 1024
DISK_MIB = 2048
_MIB = 2**20

Branch = Literal["auto", "cam", "decoder", "both"]
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
    thresholds
        From a tag to the probability below which its pixels become background.
    background_power
        Exponent of the background score; None for the model's own.
    synonyms
        From a tag to other words for the prompt.
    template, background_words
        The prompt, and the words that compete with the tags; None for the model's own.
    classes
        The folder's classes. Those, and the decoder's, that show without a tag are told.
    negative_tags
        Classes that a person said are not in the image: they are not looked for.
    """

    key: str
    pixels: NDArray[np.uint8]
    tags: tuple[str, ...] = ()
    branch: Branch = "auto"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    background_power: float | None = None
    synonyms: Mapping[str, str] = field(default_factory=dict)
    template: str | None = None
    background_words: tuple[str, ...] | None = None
    classes: tuple[str, ...] = ()
    negative_tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelInfo:
    """What the panel says about the model.

    Attributes
    ----------
    name
        Its name.
    classes
        What its decoder knows; empty without a decoder.
    background_power
        The exponent of the background score that it was made with.
    template, background_words
        The prompt and the background words that it was made with.
    """

    name: str
    classes: tuple[str, ...]
    background_power: float = 1.0
    template: str = "{}"
    background_words: tuple[str, ...] = ()


class Engine:
    """A predictor that is loaded when first needed and keeps what it knows of recent images.

    Every method may be called from any thread. `prepare`, `propose`, `tag_scores` and
    `use_model` take their time, one after the other; what is done ``ahead`` of time lets the
    others go first between its stages. The other methods never wait.

    `report` is told each stage before it starts, and stops the work by raising.

    Parameters
    ----------
    spec
        Which model: "embedded", an open_clip name, or a checkpoint's path.
    load
        Makes the predictor from a spec; by default that of `load_model` on `device`.
    device
        Such as "cpu" or "cuda"; by default a GPU if there is one.
    weights
        A file with the backbone's weights, in place of the published ones.
    memory_mib, disk_mib
        Bounds of what is kept of images in memory (but for the one in use) and on disk.
    cache_folder
        Where it is kept on disk; by default in the user's folder.
    """

    def __init__(
        self,
        spec: str = EMBEDDED,
        load: Load | None = None,
        *,
        device: str | None = None,
        weights: Path | None = None,
        memory_mib: float = MEMORY_MIB,
        disk_mib: float = DISK_MIB,
        cache_folder: Path | None = None,
    ) -> None:
        self.spec = spec
        self.device, self.weights = device, weights
        self._preferred = spec
        self._load = load or _loader(device, weights)
        self._bounds = int(memory_mib * _MIB), int(disk_mib * _MIB)
        self._cache_folder = cache_folder
        self._turns = Turns()
        self._held: HeldImages | None = None

    @property
    def info(self) -> ModelInfo | None:
        """What is known of the model; None until it is loaded."""
        if self._held is None:
            return None
        model = self._held.predictor.model
        return ModelInfo(
            model.name,
            tuple(model.decoder.config.classes) if model.decoder else (),
            model.config.background_power,
            model.config.template,
            tuple(model.config.background_words),
        )

    @property
    def fingerprint(self) -> str:
        """What tells the loaded model from others, for the record; empty until it is loaded."""
        return "" if self._held is None else self._held.predictor.model.fingerprint

    def holds(self, key: str) -> bool:
        """Whether an image is in memory, so that a proposal for it starts at once."""
        return self._held is not None and key in self._held

    def prepare(self, request: Request, report: Report, *, ahead: bool = False) -> None:
        """Load the model and encode an image, so that its proposals and affinity come at once.

        Raises
        ------
        UserError
            When the model or the image cannot be used.
        """
        self._encode(request, report, ahead=ahead)

    def propose(self, request: Request, report: Report, *, ahead: bool = False) -> Proposal:
        """Propose masks for the tags of a request.

        Raises
        ------
        UserError
            When the model, the image, the tags or the settings cannot be used.
        """
        held, encoded = self._encode(request, report, ahead=ahead)
        with self._turns.take(ahead=ahead):
            report("Proposing masks")
            held.predictor.use(encoded)
            proposal = held.predictor.propose(
                request.tags,
                synonyms=request.synonyms,
                branch=request.branch,
                background_power=request.background_power,
                thresholds=request.thresholds,
                template=request.template,
                background_words=request.background_words,
                classes=self._classes_to_find(request),
            )
            held.keep(request.key, encoded)
        return proposal

    def tag_scores(
        self, request: Request, names: tuple[str, ...], report: Report
    ) -> dict[str, float]:
        """Return CLIP's cosine between a request's image and each name's prompt.

        Raises
        ------
        UserError
            When the model, the image or the template cannot be used.
        """
        held, encoded = self._encode(request, report)
        with self._turns.take():
            report("Scoring classes")
            held.predictor.use(encoded)
            return held.predictor.tag_scores(
                names, synonyms=request.synonyms, template=request.template
            )

    def affinity(self, key: str, y: int, x: int, kind: AffinityKind) -> NDArray[np.float32] | None:
        """Look up what belongs with the patch at a pixel, (h, w) float32 on the patch grid.

        None when the image is not in memory. It never waits, whatever is being computed.

        Raises
        ------
        UserError
            If the pixel is outside the image, or the model has no decoder to learn from.
        """
        encoded = None if self._held is None else self._held.get(key)
        return None if encoded is None else encoded.affinity_row(y, x, kind)

    def choose_model(self, spec: str | None) -> None:
        """Let the next request load another model, or with None the one made with; never waits."""
        wanted = self._preferred if spec is None else spec
        if wanted != self.spec:
            self.spec = wanted
            self._held = None

    def use_model(
        self,
        spec: str,
        report: Report,
        *,
        device: str | None = None,
        weights: Path | None = None,
    ) -> None:
        """Load another model and forget what the one before knew; see the constructor.

        Raises
        ------
        UserError
            When it cannot be loaded; the one before then stays in use.
        """
        load = _loader(device, weights)
        with self._turns.take():
            report("Loading the model")
            self._held = self._hold(load(spec))
            self.spec, self._load = spec, load
            self.device, self.weights = device, weights

    def _encode(
        self, request: Request, report: Report, *, ahead: bool = False
    ) -> tuple[HeldImages, EncodedImage]:
        """Return the model's images and the one of a request, encoded."""
        with self._turns.take(ahead=ahead):
            held = self._held
            if held is None:
                report("Loading the model")
                spec = self.spec
                held = self._hold(self._load(spec))
                if spec == self.spec:  # no other one was chosen meanwhile
                    self._held = held
        with self._turns.take(ahead=ahead):
            if not ahead:
                held.pin(request.key)
            if encoded := held.get(request.key):
                return held, encoded
            report("Encoding the image")
            restored = held.restore(request.key, request.pixels)
            return held, restored or held.encode(request.key, request.pixels)

    def _hold(self, predictor: Predictor) -> HeldImages:
        from weclip_napari.core.feature_store import FeatureStore
        from weclip_napari.core.folders import features_folder
        from weclip_napari.core.held_images import HeldImages

        memory, disk = self._bounds
        store = FeatureStore(self._cache_folder or features_folder(), disk)
        _ = predictor.model.fingerprint  # computed here, so that nobody waits for it later
        return HeldImages(predictor, store, memory)

    def _classes_to_find(self, request: Request) -> list[str]:
        known = self.info.classes if self.info else ()
        rejected = {tag.casefold() for tag in request.negative_tags}
        names = {name.casefold(): name for name in (*known, *request.classes)}
        return [name for key, name in names.items() if key not in rejected]


def _loader(device: str | None, weights: Path | None) -> Load:
    def load(spec: str) -> Predictor:
        with gentle_imports():  # late: torch takes seconds, for which no menu must wait
            from weclip_napari.core.checkpoint import load_model
            from weclip_napari.core.predictor import Predictor
        return Predictor(load_model(spec, device, weights=weights))

    return load
