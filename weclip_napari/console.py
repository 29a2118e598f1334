"""What every command line of ours shares: messages, and numbers among the options."""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable


def say(message: str) -> None:
    """Print a line for people, beside any progress bar."""
    from tqdm import tqdm

    tqdm.write(message, file=sys.stderr)


def at_least(smallest: int) -> Callable[[str], int]:
    """Return a parser of whole numbers that refuses smaller ones."""

    def number(text: str) -> int:
        value = int(text)
        if value < smallest:
            raise argparse.ArgumentTypeError(f"must be at least {smallest}")
        return value

    return number


def positive(text: str) -> float:
    """Parse a positive, finite number."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text}")
    return value


def exit_code(action: Callable[[], int], stopped: str = "stopped") -> int:
    """Do what a command line asks for, and tell what goes wrong in a line.

    Parameters
    ----------
    action
        Returns the exit code where all goes well.
    stopped
        What to say when the user interrupts it.

    Returns
    -------
    int
        That of `action`; 2 when something was wrong with the input; 130 when interrupted.
    """
    try:
        return action()
    except UserError as error:
        say(f"error: {error}")
    except OSError as error:
        say(f"error: {error}; check the disk's free space and the folder's permissions.")
    except KeyboardInterrupt:
        say(stopped)
        return 130
    return 2
