"""Who drew each pixel, through proposals, strokes, undo and redo."""

import numpy as np

from weclip_napari.session.provenance import MAX_PROPOSALS, Provenance


class Editor:
    """A mask with the undo history that a Labels layer keeps."""

    def __init__(self, shape=(1, 6), human=None):
        self.mask = np.zeros(shape, np.uint8)
        self.provenance = Provenance(self.mask, human)
        self.past, self.future = [], []

    def _change(self, after):
        if not np.array_equal(after, self.mask):
            self.past.append(self.mask)
            self.future.clear()
        self.mask = after

    def propose(self, *ids):
        before = self.mask
        self._change(self.provenance.merge(before, np.array([ids], np.uint8)))
        self.provenance.proposal_written(before, self.mask)

    def paint(self, columns, label):
        after = self.mask.copy()
        after[0, columns] = label
        self._change(after)
        self.provenance.stroke_drawn()

    def undo(self):
        self.future.append(self.mask)
        self.mask = self.past.pop()
        self.provenance.undone(self.mask)

    def redo(self):
        self.past.append(self.mask)
        self.mask = self.future.pop()
        self.provenance.redone()

    @property
    def human(self):
        return np.flatnonzero(self.provenance.human(self.mask)).tolist()


def test_a_proposal_is_the_models():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 2, 2)
    assert editor.mask.tolist() == [[1, 1, 0, 0, 2, 2]]
    assert editor.human == []


def test_a_new_proposal_replaces_model_pixels_only():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.paint([1, 2], 3)
    editor.propose(2, 2, 2, 2, 0, 0)
    assert editor.mask.tolist() == [[2, 3, 3, 2, 0, 0]]
    assert editor.human == [1, 2]


def test_pixels_stay_human_when_a_proposal_agrees_with_them():
    editor = Editor()
    editor.propose(1, 0, 0, 0, 0, 0)
    editor.paint([1], 3)
    editor.propose(1, 3, 0, 0, 0, 0)
    editor.propose(0, 0, 0, 0, 0, 1)
    assert editor.mask.tolist() == [[0, 3, 0, 0, 0, 1]]


def test_an_erased_proposal_stays_erased():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.paint([0, 1], 0)
    editor.propose(1, 1, 0, 0, 2, 0)
    assert editor.mask.tolist() == [[0, 0, 0, 0, 2, 0]]


def test_an_erased_proposal_stays_erased_when_a_later_stroke_is_undone():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.paint([0, 1], 0)
    editor.paint([5], 4)
    editor.undo()
    editor.propose(1, 1, 1, 0, 0, 0)
    assert editor.mask.tolist() == [[0, 0, 1, 0, 0, 0]]


def test_an_undone_stroke_gives_the_pixels_back_to_the_model():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.paint([1], 3)
    editor.undo()
    assert editor.human == []
    editor.redo()
    assert editor.human == [1]


def test_an_undone_proposal_takes_back_what_was_known_of_the_pixels():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.paint([1], 3)
    editor.propose(2, 2, 2, 2, 0, 0)
    editor.undo()
    assert editor.mask.tolist() == [[1, 3, 0, 0, 0, 0]]
    assert editor.human == [1]
    editor.undo()
    assert editor.human == []
    editor.redo()
    editor.redo()
    assert editor.mask.tolist() == [[2, 3, 2, 2, 0, 0]]
    assert editor.human == [1]


def test_a_change_from_elsewhere_counts_as_human():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.mask = np.array([[1, 1, 0, 0, 7, 7]], np.uint8)
    editor.provenance.undone(editor.mask)  # out of step with the layer
    assert editor.human == [4, 5]


def test_human_pixels_of_a_saved_mask_are_kept():
    drawn = np.array([[True, True, False, False, False, False]])
    editor = Editor(human=drawn)
    editor.propose(1, 1, 1, 1, 1, 1)
    assert editor.mask.tolist() == [[0, 0, 1, 1, 1, 1]]


def test_undoing_more_than_is_remembered_keeps_pixels_human():
    editor = Editor()
    for label in range(1, MAX_PROPOSALS + 3):
        editor.propose(label, 0, 0, 0, 0, 0)
    for _ in range(MAX_PROPOSALS + 2):
        editor.undo()
    assert editor.mask.tolist() == [[0, 0, 0, 0, 0, 0]]
    assert editor.human == [0]
