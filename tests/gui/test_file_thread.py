"""Reading and writing in order, off the GUI thread."""

import threading

import pytest

from weclip_napari.errors import UserError
from weclip_napari.gui.file_thread import FileThread


@pytest.fixture
def files(qtbot):
    files = FileThread()
    yield files
    files.stop()


def _fail(error):
    raise error


def test_work_is_done_in_order_in_one_thread_and_told_on_the_gui_thread(files, qtbot):
    done, told = [], []
    for number in range(5):

        def work(number=number):
            done.append((number, threading.current_thread()))
            return number

        files.run(
            work, lambda result: told.append((result, threading.current_thread())), pytest.fail
        )
    qtbot.waitUntil(lambda: len(told) == 5)
    assert [number for number, _ in done] == [0, 1, 2, 3, 4]
    assert len({thread for _, thread in done}) == 1
    assert told == [(number, threading.main_thread()) for number in range(5)]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("'a.png' is gone."), "'a.png' is gone."),
        (ZeroDivisionError("by zero"), "Unexpected ZeroDivisionError: by zero"),
    ],
)
def test_a_failure_is_told_and_the_next_work_is_done(files, qtbot, error, message):
    told = []
    files.run(lambda: _fail(error), pytest.fail, told.append)
    files.run(lambda: "next", told.append, pytest.fail)
    qtbot.waitUntil(lambda: told == [message, "next"])


def test_waiting_for_work_comes_after_what_was_given_before(files):
    done = []
    files.run(lambda: done.append("first"), lambda _: None, pytest.fail)
    assert files.run_now(lambda: [*done, "second"]) == ["first", "second"]
    with pytest.raises(UserError):
        files.run_now(lambda: _fail(UserError("no")))
