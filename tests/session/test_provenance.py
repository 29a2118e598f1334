"""Who drew each pixel, through proposals, strokes, selections, undo and redo."""

import time

import numpy as np
import pytest

from weclip_napari.session.provenance import MAX_STEPS, Provenance

WHOLE = (slice(0, 1), slice(0, 6))


class Editor:
    """A mask of one row as a layer shows it: it only copies what is said to have changed."""

    def __init__(self, human=None):
        self.mask = np.zeros((1, 6), np.uint8)
        self.provenance = Provenance(self.mask, human)

    def _show(self, box):
        if box is not None:
            self.mask[box] = self.provenance.mask[box]

    def propose(self, *ids, **options):
        self._show(self.provenance.propose(np.array([ids], np.uint8), **options))

    def paint(self, columns, label):
        self.mask[0, columns] = label
        box = slice(0, 1), slice(min(columns), max(columns) + 1)
        self.provenance.draw(self.mask, box)

    def select(self, columns, label, **options):
        selection = np.zeros((1, 6), bool)
        selection[0, columns] = True
        self._show(self.provenance.select(selection, WHOLE, label, **options))

    def undo(self):
        self._show(self.provenance.undo())

    def redo(self):
        self._show(self.provenance.redo())

    @property
    def ids(self):
        assert np.array_equal(self.mask, self.provenance.mask)
        return self.mask[0].tolist()

    @property
    def human(self):
        return np.flatnonzero(self.provenance.human(self.mask)).tolist()


def test_a_proposal_is_the_models():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 2, 2)
    assert editor.ids == [1, 1, 0, 0, 2, 2]
    assert editor.human == []


def test_a_new_proposal_replaces_model_pixels_only():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.paint([1, 2], 3)
    editor.propose(2, 2, 2, 2, 0, 0)
    assert editor.ids == [2, 3, 3, 2, 0, 0]
    assert editor.human == [1, 2]


def test_an_erased_proposal_stays_erased():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.paint([0, 1], 0)
    editor.propose(1, 1, 0, 0, 2, 0)
    assert editor.ids == [0, 0, 0, 0, 2, 0]


def test_pixels_painted_as_the_model_had_them_are_human():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.paint([1], 3)
    editor.paint([1], 1)
    assert editor.human == [1]


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
    assert editor.ids == [1, 3, 0, 0, 0, 0]
    assert editor.human == [1]
    editor.undo()
    assert editor.human == []


def test_overruling_replaces_human_pixels_and_undo_returns_them():
    editor = Editor()
    editor.paint([0, 1, 2], 3)
    editor.propose(2, 3, 3, 2, 0, 0, overrule=True)
    assert editor.ids == [2, 3, 3, 2, 0, 0]
    assert editor.human == [1, 2]
    editor.undo()
    assert editor.ids == [3, 3, 3, 0, 0, 0]
    assert editor.human == [0, 1, 2]


def test_a_live_proposal_is_one_step_with_those_it_replaces():
    editor = Editor()
    editor.paint([5], 3)
    editor.propose(1, 0, 0, 0, 0, 0)
    for ids in ([1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [2, 0, 0, 0, 0, 2]):
        editor.propose(*ids, replace_last=True)
    assert editor.ids == [2, 0, 0, 0, 0, 3]
    editor.undo()
    assert editor.ids == [0, 0, 0, 0, 0, 3]
    editor.undo()
    assert editor.ids == [0] * 6


def test_a_live_proposal_overrules_only_while_the_switch_is_on():
    editor = Editor()
    editor.paint([0, 1], 3)
    editor.propose(1, 1, 1, 0, 0, 0, overrule=True)
    editor.propose(1, 1, 1, 1, 0, 0, replace_last=True)
    assert editor.ids == [3, 3, 1, 1, 0, 0]
    assert editor.human == [0, 1]


def test_a_live_proposal_that_changed_nothing_keeps_the_one_before_it():
    editor = Editor()
    editor.propose(1, 0, 0, 0, 0, 0)
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.propose(1, 0, 0, 0, 0, 0, replace_last=True)  # as if there were no second proposal
    editor.propose(1, 1, 1, 0, 0, 0, replace_last=True)
    editor.undo()
    assert editor.ids == [1, 0, 0, 0, 0, 0]


def test_a_selection_is_done_again_with_another_threshold():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.select([1, 2, 3], 4)
    editor.select([2], 4, replace_last=True)
    assert editor.ids == [1, 1, 4, 0, 0, 0]
    assert editor.human == [2]
    editor.undo()
    assert editor.ids == [1, 1, 0, 0, 0, 0]


def test_a_change_from_elsewhere_counts_as_human():
    editor = Editor()
    editor.propose(1, 1, 0, 0, 0, 0)
    editor.mask[0, 4:] = 7
    assert editor.human == [4, 5]


def test_human_pixels_of_a_saved_mask_are_kept():
    editor = Editor(human=np.array([[True, True, False, False, False, False]]))
    editor.propose(1, 1, 1, 1, 1, 1)
    assert editor.ids == [0, 0, 1, 1, 1, 1]


def test_a_revision_names_the_same_mask_through_undo_and_redo():
    editor = Editor()
    revisions = [editor.provenance.revision]
    for label in (1, 2):
        editor.paint([label], label)
        revisions.append(editor.provenance.revision)
    assert len(set(revisions)) == 3
    editor.undo()
    assert editor.provenance.revision == revisions[1]
    editor.undo()
    assert editor.provenance.revision == revisions[0]
    editor.redo()
    editor.paint([5], 5)
    assert editor.provenance.revision not in revisions


def test_the_oldest_steps_are_forgotten():
    editor = Editor()
    for number in range(MAX_STEPS + 5):
        editor.paint([0], 1 + number % 2)
    steps = 0
    while editor.provenance.can_undo:
        editor.undo()
        steps += 1
    assert steps == MAX_STEPS
    assert editor.ids == [1, 0, 0, 0, 0, 0]
    assert editor.human == [0]


class Reference:
    """The same in full copies: each state is a mask, its flags and the kind of its step."""

    def __init__(self, mask):
        self.states = [(mask.copy(), np.zeros(mask.shape, bool), "start")]
        self.place = 0
        self.in_vain = set()

    @property
    def now(self):
        return self.states[self.place]

    def write(self, after, kind, base=None):
        mask, human, _ = base or self.now
        changed = after != mask
        if base is not None:
            self.place -= 1
            del self.states[self.place + 1 :]
            self.in_vain.clear()
        if not changed.any():
            self.in_vain.add(kind)
            return
        del self.states[self.place + 1 :]
        human = human & ~changed if kind == "proposal" else human | changed
        self.states.append((after, human, kind))
        self.place += 1
        self.in_vain.clear()

    def base(self, kind, replace_last):
        """Return the state before the last step if that is to be replaced."""
        if replace_last and self.now[2] == kind and kind not in self.in_vain:
            return self.states[self.place - 1]
        return None

    def move(self, steps):
        if 0 <= self.place + steps < len(self.states):
            self.place += steps
            self.in_vain.clear()


class Pair:
    """Does the same to the provenance and to the reference."""

    def __init__(self, random, shape):
        self.random, self.shape = random, shape
        self.mask = random.integers(0, 3, shape).astype(np.uint8)
        self.provenance = Provenance(self.mask)
        self.reference = Reference(self.mask)

    def act(self):
        actions = [self.stroke, self.edit, self.select, self.propose, self.undo, self.redo]
        self.random.choice(actions, p=[0.25, 0.1, 0.15, 0.2, 0.2, 0.1])()

    def _box(self):
        rows, columns = (np.sort(self.random.choice(n + 1, 2, replace=False)) for n in self.shape)
        return slice(*rows.tolist()), slice(*columns.tolist())

    def _show(self, box):
        if box is not None:
            self.mask[box] = self.provenance.mask[box]

    def stroke(self):
        box = self._box()
        self.mask[box][self.random.random(self.mask[box].shape) < 0.5] = self.random.integers(4)
        self.reference.write(self.mask.copy(), "stroke")
        self.provenance.draw(self.mask, box)

    def edit(self):
        after = self.random.integers(0, 3, self.shape).astype(np.uint8)
        self.reference.write(after.copy(), "stroke")
        self._show(self.provenance.draw(after))

    def select(self):
        box, replace_last = self._box(), bool(self.random.integers(2))
        label = int(self.random.integers(4))
        selection = self.random.random(self.mask[box].shape) < 0.5
        base = self.reference.base("selection", replace_last)
        after = (base or self.reference.now)[0].copy()
        after[box][selection] = label
        self.reference.write(after, "selection", base)
        self._show(self.provenance.select(selection, box, label, replace_last=replace_last))

    def propose(self):
        proposed = self.random.integers(0, 2, self.shape).astype(np.uint8)
        if self.random.random() < 0.3:
            proposed = self.reference.states[self.random.integers(self.reference.place + 1)][0]
        overrule, replace_last = self.random.random(2) < (0.2, 0.5)
        base = self.reference.base("proposal", replace_last)
        mask, human, _ = base or self.reference.now
        after = proposed.copy() if overrule else np.where(human, mask, proposed)
        self.reference.write(after, "proposal", base)
        self._show(self.provenance.propose(proposed, overrule=overrule, replace_last=replace_last))

    def undo(self):
        self.reference.move(-1)
        self._show(self.provenance.undo())

    def redo(self):
        self.reference.move(1)
        self._show(self.provenance.redo())


@pytest.mark.parametrize("seed", range(40))
def test_any_sequence_agrees_with_full_copies_of_every_state(seed):
    random = np.random.default_rng(seed)
    pair = Pair(random, (int(random.integers(1, 9)), int(random.integers(1, 9))))
    seen = {}
    for _ in range(90):
        pair.act()
        mask, human, _ = pair.reference.now
        assert np.array_equal(pair.mask, mask)
        assert np.array_equal(pair.provenance.mask, mask)
        assert np.array_equal(pair.provenance.human(pair.mask), human)
        assert pair.provenance.can_undo == (pair.reference.place > 0)
        assert pair.provenance.can_redo == (pair.reference.place < len(pair.reference.states) - 1)
        old_mask, old_human = seen.setdefault(pair.provenance.revision, (mask, human))
        assert np.array_equal(old_mask, mask)
        assert np.array_equal(old_human, human)


def test_a_stroke_on_a_large_mask_is_quick():
    mask = np.zeros((3000, 4000), np.uint8)
    provenance = Provenance(mask)
    provenance.propose(np.ones_like(mask))
    mask[...] = 1
    times = []
    for start in range(0, 2500, 500):
        box = slice(start, start + 400), slice(start, start + 400)
        mask[box] = 2
        begin = time.perf_counter()
        provenance.draw(mask, box)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.01  # whatever else this computer does
