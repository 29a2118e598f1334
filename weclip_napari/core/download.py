"""Fetching published CLIP weights, only when asked to.

Nothing here runs at import. `find_local` and `instructions` never touch the network.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.request import urlopen

import huggingface_hub
import open_clip
from tqdm import tqdm

from weclip_napari.core.architectures import architecture_of, parameter_count
from weclip_napari.core.folders import weights_folder
from weclip_napari.core.weights import OPENAI_VIT_B_16_SHA256
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from typing import BinaryIO

HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
OPENAI_VIT_B_16_BYTES = 351_000_000
_LICENCES = {
    "openai": "MIT",
    "laion": "MIT",
    "datacomp": "MIT",
    "commonpool": "MIT",
    "metaclip": "CC-BY-NC-4.0",
}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """Where the weights of one model and tag are published.

    Attributes
    ----------
    name, tag : str
        open_clip's names of architecture and weights.
    url, page : str
        The file, and a page that describes it.
    repository : str
        Hugging Face repository that also has the weights.
    target : Path
        Where the file belongs on this machine.
    size : int
        Bytes; an estimate until the server has told.
    sha256, licence : str or None
        None where only the server knows.
    """

    name: str
    tag: str
    url: str
    page: str
    repository: str
    target: Path
    size: int
    sha256: str | None
    licence: str | None

    def __str__(self) -> str:
        """Return one line for people: name, size, licence and origin."""
        licence = f"licence {self.licence}" if self.licence else f"licence: see {self.page}"
        return f"{self.name}/{self.tag}, {self.size / 1e6:.0f} MB, {licence}, {self.url}"


class Progress(Protocol):
    """Called before the first byte and after every piece of a download."""

    def __call__(self, source: Source, done: int, total: int) -> None:
        """Take note that `done` of `total` bytes have arrived; raise to cancel."""


def source_of(name: str, tag: str) -> Source:
    """Look up where weights are published; the network is not used.

    Raises
    ------
    UserError
        If the model cannot be used or has no such tag.
    """
    architecture = architecture_of(name)
    published = open_clip.get_pretrained_cfg(name, tag)
    if not published.get("hf_hub"):
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise UserError(f"{name} has no published weights {tag!r}. Choose one of its tags: {tags}.")
    repository, _, file = published["hf_hub"].rpartition("/")
    licence = next((known for key, known in _LICENCES.items() if tag.startswith(key)), None)
    page = f"https://huggingface.co/{repository}"
    if OPENAI_VIT_B_16_SHA256 in published["url"]:
        url, sha256, size = published["url"], OPENAI_VIT_B_16_SHA256, OPENAI_VIT_B_16_BYTES
        target = weights_folder() / "ViT-B-16.pt"
    else:
        file = file or HUB_FILES[0]
        url, sha256 = f"{page}/resolve/main/{file}", None
        size = 4 * parameter_count(architecture)
        target = weights_folder() / f"{name}--{tag}{Path(file).suffix}"
    return Source(name, tag, url, page, repository, target, size, sha256, licence)


def find_local(source: Source) -> Path | None:
    """Return the file if it is on this machine, fetched by us, by hand or by open_clip.

    Where the published hash is known, a file of another hash is passed over.
    """
    found = (path for path in _places(source) if path.is_file())
    return next((path for path in found if _is_intact(path, source)), None)


def is_published_file(spec: str, weights: Path | None) -> bool:
    """Whether a model's weights are known to be the published ones.

    Parameters
    ----------
    spec
        As for `load_model`; only of OpenAI's ViT-B/16 the hash is known.
    weights
        A file given in their place; None is what `find_local` found.
    """
    name, _, tag = spec.partition("/")
    if not open_clip.get_pretrained_cfg(name, tag).get("hf_hub"):
        return False
    source = source_of(name, tag)
    return source.sha256 is not None and (weights is None or _is_intact(weights, source))


def instructions(source: Source) -> str:
    """Say which file to fetch by hand, where to put it, and its hash."""
    digest = source.sha256 or f"shown at {source.page}/tree/main"
    return (
        f"The weights {source.name}/{source.tag} are not on this machine. Fetch {source.url} "
        f"(about {source.size / 1e6:.0f} MB) and save it as {source.target}; its SHA-256 is "
        f"{digest}."
    )


def download(source: Source, progress: Progress | None = None) -> Path:
    """Fetch the file, check its hash and put it in its place in one step.

    Parameters
    ----------
    source : Source
        What to fetch; size, hash and licence are first completed by the server.
    progress : Progress, optional
        By default a line with size and licence and a bar, on stderr.

    Raises
    ------
    UserError
        If the network or the server fails, or the hash is wrong. Nothing is left behind.
    """
    progress = progress or TerminalProgress()
    partial = source.target.with_suffix(".part")
    try:
        source = _complete(source)
        source.target.parent.mkdir(parents=True, exist_ok=True)
        with urlopen(source.url, timeout=30) as response, partial.open("wb") as file:  # noqa: S310
            digest = _copy(response, file, source, progress)
        if digest != (source.sha256 or digest):
            raise UserError(
                f"{source.url} arrived with the wrong SHA-256 {digest} instead of "
                f"{source.sha256}. Try again later."
            )
        return partial.replace(source.target)
    except OSError as error:
        raise UserError(f"Download failed ({error}). {instructions(source)}") from error
    finally:
        partial.unlink(missing_ok=True)


class TerminalProgress:
    """Writes size, licence and a bar to stderr."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, source: Source, done: int, total: int) -> None:
        """Show the first line or move the bar."""
        if self._bar is None:
            print(f"Downloading {source}", file=sys.stderr)
            self._bar = tqdm(total=total, unit="B", unit_scale=True, file=sys.stderr)
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._bar.close()


def _is_intact(path: Path, source: Source) -> bool:
    """Whether a file has the published hash, or none is known."""
    if source.sha256 is None or path.name in HUB_FILES:
        return True  # the hub's conversions of OpenAI's file have hashes of their own
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns) == source.sha256


@cache
def _sha256(path: Path, size: int, changed: int) -> str:
    """Hash a file, once for as long as its size and time of change stay the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _places(source: Source) -> Iterator[Path]:
    yield source.target
    if source.sha256:
        yield Path.home() / ".cache" / "clip" / Path(source.url).name
    for file in HUB_FILES:
        cached = huggingface_hub.try_to_load_from_cache(source.repository, file)
        if isinstance(cached, str):
            yield Path(cached)


def _complete(source: Source) -> Source:
    """Ask Hugging Face for size, hash and licence where the file lies there."""
    if source.sha256:
        return source
    try:
        file = huggingface_hub.get_hf_file_metadata(source.url, timeout=30)
        card = huggingface_hub.model_info(source.repository, timeout=30).card_data
    except Exception as error:  # every failure of the hub means the same here
        raise OSError(str(error).partition("\n")[0]) from error
    return replace(
        source,
        size=file.size or source.size,
        sha256=file.etag if file.etag and len(file.etag) == 64 else None,
        licence=(card.license if card else None) or source.licence,
    )


def _copy(response: HTTPResponse, file: BinaryIO, source: Source, progress: Progress) -> str:
    told = response.headers["Content-Length"]  # a server may leave it out
    total, done, digest = int(told or source.size), 0, hashlib.sha256()
    progress(source, 0, total)
    while chunk := response.read(_CHUNK):
        file.write(chunk)
        digest.update(chunk)
        done += len(chunk)
        progress(source, done, total)
    if told and done < total:
        raise OSError(f"the connection broke off after {done} of {total} bytes")
    return digest.hexdigest()
