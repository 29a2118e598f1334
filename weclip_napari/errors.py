"""The one exception for mistakes that a user can mend."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class UserError(Exception):
    """A problem that the user caused or can solve.

    The message stands alone: it names the file or the value at fault and says what to do. The
    command line prints it without a traceback and exits with code 2; napari shows it as it is.
    """


@contextmanager
def naming(what: object) -> Iterator[None]:
    """Put what is worked on, such as the path of an image, before the message of an error.

    Raises
    ------
    UserError
        In place of one that was raised inside.
    """
    try:
        yield
    except UserError as error:
        raise UserError(f"{what}: {error}") from error
