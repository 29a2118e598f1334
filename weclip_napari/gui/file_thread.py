"""Reading and writing off the GUI thread: one thread, so that everything happens in order."""

from __future__ import annotations

import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from qtpy.QtCore import QObject, Qt, Signal

from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

T = TypeVar("T")


def message_of(error: Exception) -> str:
    """Say what went wrong; what nobody foresaw also goes into the log, whole."""
    if isinstance(error, UserError):
        return str(error)
    _log.error("The annotator failed at something", exc_info=error)
    return f"Unexpected {type(error).__name__}: {error}"


class FileThread(QObject):
    """Does one thing after the other in a thread and passes the results to the GUI thread."""

    _done = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="weclip-files")
        self._done.connect(self._pass_on, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        work: Callable[[], T],
        on_success: Callable[[T], None],
        on_failure: Callable[[str], None],
    ) -> None:
        """Do work after all that was given before; one of the callbacks gets its result.

        Parameters
        ----------
        work
            Called in the thread.
        on_success
            Called with what `work` returned, on the GUI thread.
        on_failure
            Called with the reason, on the GUI thread, when `work` raised.
        """
        self._pool.submit(self._do, work, on_success, on_failure)

    def run_now(self, work: Callable[[], T]) -> T:
        """Do work after all that was given before, and wait for it; raises what it raises."""
        return self._pool.submit(work).result()

    def stop(self) -> None:
        """Finish what was given and take no more."""
        self._pool.shutdown(wait=True)

    def _do(
        self,
        work: Callable[[], Any],
        on_success: Callable[[Any], None],
        on_failure: Callable[[str], None],
    ) -> None:
        try:
            result = work()
        except Exception as error:  # whatever it is, the user must see it
            self._tell(on_failure, message_of(error))
        else:
            self._tell(on_success, result)

    def _tell(self, callback: Callable[[Any], None], content: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the panel was closed meanwhile
            self._done.emit(callback, content)

    def _pass_on(self, callback: Callable[[Any], None], content: Any) -> None:
        callback(content)
