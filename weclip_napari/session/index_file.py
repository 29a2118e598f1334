"""The index on disk, an SQLite file; it is derived from the sidecars and may be deleted."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VERSION = 1
INDEX_FILE = "index.sqlite"
_TIMEOUT_S = 1.0


class IndexFile:
    """Rows of text by image name. A file that cannot be used is as good as none.

    Parameters
    ----------
    path
        Where it lies; it is made when the first rows are written.
    is_writable
        Whether to write at all.
    """

    def __init__(self, path: Path, *, is_writable: bool) -> None:
        self._path = path
        self._is_writable = is_writable
        self._connection: sqlite3.Connection | None = None

    def read(self) -> dict[str, tuple[str, str]]:
        """Read the stamp and the summary of every image in it."""
        if not self._path.exists():
            return {}
        address = f"file:{quote(os.fsencode(self._path.absolute()))}?mode=ro"
        try:
            with contextlib.closing(sqlite3.connect(address, _TIMEOUT_S, uri=True)) as connection:
                if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
                    return {}
                rows = connection.execute("SELECT name, stamp, summary FROM summaries")
                return {os.fsdecode(name): (stamp, summary) for name, stamp, summary in rows}
        except (sqlite3.Error, TypeError):
            return {}

    def write(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Store name, stamp and summary of some images."""
        if not self._is_writable:
            return
        encoded = [(os.fsencode(name), stamp, summary) for name, stamp, summary in rows]
        for _attempt in range(2):  # once more, in a new file in place of a damaged one
            try:
                with self._opened() as connection:
                    connection.executemany(
                        "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?)", encoded
                    )
                return
            except (sqlite3.Error, OSError):
                self._start_anew()
        self._is_writable = False

    def close(self) -> None:
        """Let go of the file for good."""
        self._is_writable = False
        self._disconnect()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, _TIMEOUT_S, check_same_thread=False)
            self._connection = connection
            # Nothing is lost when the computer crashes: what is damaged is made anew.
            connection.execute("PRAGMA synchronous = OFF")
            if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
                connection.execute("DROP TABLE IF EXISTS summaries")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS summaries"
                " (name BLOB PRIMARY KEY, stamp TEXT, summary TEXT) WITHOUT ROWID"
            )
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _start_anew(self) -> None:
        self._disconnect()
        with contextlib.suppress(OSError):
            self._path.unlink()
