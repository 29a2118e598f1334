"""What is known of every image of a folder, at once, however large the folder.

The index is derived from masks and sidecars. Rows whose files changed since it was written are
read again; they are listed as unread until then.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from weclip_napari.session.images import MASK_FOLDER
from weclip_napari.session.index_file import INDEX_FILE, IndexFile
from weclip_napari.session.mask_files import scan, stamp_of
from weclip_napari.session.states import REVIEWED
from weclip_napari.session.summary import Summary, dump_summary, load_summary, read_summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from weclip_napari.session.annotation import Annotation, AnnotationStore
    from weclip_napari.session.mask_files import MaskFiles
    from weclip_napari.session.states import State

__all__ = ["FolderIndex", "Summary"]

PENDING = 200
"""How many rows are read before they are written to the index file together."""


class FolderIndex:
    """Summaries of the images of a folder, by row. Any thread may call it.

    Parameters
    ----------
    store
        The folder's annotations.
    images
        Its images.
    listed
        Tags that came with the images; call `list_again` after changing them.
    files
        What lies in its mask folder.
    is_writable
        Whether the index may be stored.
    """

    def __init__(
        self,
        store: AnnotationStore,
        images: Sequence[Path],
        listed: Mapping[Path, tuple[str, ...]],
        files: MaskFiles,
        *,
        is_writable: bool,
    ) -> None:
        self._store = store
        self._images = images
        self._listed = listed
        self._file = IndexFile(store.folder / MASK_FOLDER / INDEX_FILE, is_writable=is_writable)
        self._writing = threading.Lock()
        self._pending: dict[str, tuple[str, str, str]] = {}
        self._problems: dict[int, str] = {}
        self._names = [image.relative_to(store.folder).as_posix() for image in images]
        self._summaries = [Summary(tags=listed.get(image, ())) for image in images]
        self._stored: set[int] = set()
        self._unread: set[int] = set()
        self._described: set[int] = set()  # rows that have a sidecar, whose tags win
        self._read_file(files)

    def name(self, row: int) -> str:
        """Path of an image inside the folder, with forward slashes."""
        return self._names[row]

    def summary(self, row: int) -> Summary:
        """Tell what is known of an image, at once."""
        problem = self._problems.get(row)
        summary = self._summaries[row]
        return replace(summary, problem=problem) if problem else summary

    def counts(self) -> Counter[State]:
        """Count the images in each state."""
        return Counter(summary.state for summary in self._summaries)

    def next_unreviewed(self, after: int) -> int | None:
        """Give the next row that is neither accepted nor skipped, going on at the start.

        Rows with a problem are left out. Rows that were not read yet are read.
        """
        count = len(self._images)
        for row in ((after + offset) % count for offset in range(1, count + 1)):
            known = self.refresh(row) if row in self._unread else self.summary(row)
            if known.state not in REVIEWED and not known.problem and row != after:
                return row
        return None

    def unread_rows(self) -> list[int]:
        """List the rows whose files changed since the index was written: `refresh` them."""
        return sorted(self._unread.copy())

    def stored_rows(self) -> list[int]:
        """List the rows that have a mask or a sidecar."""
        return sorted(self._stored.copy())

    def refresh(self, row: int) -> Summary:
        """Read an image's mask and sidecar anew, without opening the image."""
        image = self._images[row]
        with self._store.lock:
            stamp = self._stamp(row)
            summary = read_summary(self._store, image, self._listed.get(image, ()))
            self._put(row, stamp, summary)
        if len(self._pending) >= PENDING or not self._unread:
            self.flush()
        return summary

    def update(self, row: int, summary: Summary) -> None:
        """Take over what was just saved of an image."""
        with self._store.lock:
            self._put(row, self._stamp(row), summary)
        self.flush()

    def compare(self, row: int, annotation: Annotation) -> None:
        """Read an image's files anew if they say other than what is known here.

        `annotation` is what was just read of them, with the listed tags where there is no sidecar.
        """
        known = self._summaries[row]
        found = replace(
            known,
            state=annotation.state,
            tags=annotation.tags,
            negative_tags=annotation.negative_tags,
            measures=annotation.measures,
            problem="",
        )
        if found != known:
            self.refresh(row)

    def list_again(self) -> None:
        """Take over changed `listed` tags, of images that have no sidecar."""
        for row in range(len(self._images)):
            self._list(row)

    def set_problem(self, row: int, problem: str) -> None:
        """Note what is wrong with an image, until the folder is closed; empty for nothing."""
        if problem:
            self._problems[row] = problem
        else:
            self._problems.pop(row, None)

    def flush(self) -> None:
        """Store what was read and saved lately."""
        with self._writing:
            rows, self._pending = self._pending, {}
            if rows:
                self._file.write(rows.values())

    def close(self) -> None:
        """Store what was read lately and let go of the index file."""
        self.flush()
        with self._writing:
            self._file.close()

    def _read_file(self, files: MaskFiles) -> None:
        """Take over the rows of the index file whose masks and sidecars are as they were."""
        known = self._file.read() if files.stamps else {}
        fresh: list[int] = []
        for row, name in enumerate(self._names):
            stamp = files.stamp(name)
            if stamp:
                self._stored.add(row)
                if f"{name}.json" in files.stamps:
                    self._described.add(row)
                is_fresh = known.get(name, ("",))[0] == stamp
                (fresh.append if is_fresh else self._unread.add)(row)
        try:
            summaries = _parsed(known[self._names[row]][1] for row in fresh)
        except (ValueError, TypeError):  # not by us: read all rows anew
            self._unread.update(fresh)
            return
        for row, summary in zip(fresh, summaries, strict=True):
            self._summaries[row] = summary
            self._list(row)  # the list may have changed since
        self._store.classes.retire({i for summary in summaries for i in summary.label_ids})

    def _list(self, row: int) -> None:
        """Give an image the tags that came with it, if it has no others."""
        if row not in self._described:
            listed = self._listed.get(self._images[row], ())
            self._summaries[row] = replace(self._summaries[row], tags=listed)

    def _stamp(self, row: int) -> str:
        image = self._images[row]
        return stamp_of(self._store.mask_path(image), self._store.sidecar_path(image))

    def _put(self, row: int, stamp: str, summary: Summary) -> None:
        self._summaries[row] = summary
        self._unread.discard(row)
        (self._stored.add if stamp else self._stored.discard)(row)
        is_described = self._store.sidecar_path(self._images[row]).exists()
        (self._described.add if is_described else self._described.discard)(row)
        self._store.classes.retire(summary.label_ids)
        if not summary.problem:
            name = self._names[row]
            with self._writing:
                self._pending[name] = (name, stamp, dump_summary(summary))


def open_index(
    store: AnnotationStore,
    images: Sequence[Path],
    listed: Mapping[Path, tuple[str, ...]],
    *,
    is_writable: bool,
) -> FolderIndex:
    """Open the index of a folder, and remove what a killed program left unfinished.

    For the parameters see `FolderIndex`.
    """
    files = scan(store.folder / MASK_FOLDER)
    if is_writable:
        for leftover in files.leftovers:
            with contextlib.suppress(OSError):
                os.unlink(leftover)
    return FolderIndex(store, images, listed, files, is_writable=is_writable)


def _parsed(texts: Iterable[str]) -> list[Summary]:
    return [load_summary(content) for content in json.loads(f"[{','.join(texts)}]")]
