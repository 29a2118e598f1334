"""Which class names a few typed letters mean."""

import time

import pytest

from weclip_napari.gui.fuzzy import best_matches

NAMES = ["traffic light", "dog", "dogfish", "hot dog", "bottle", "lighthouse", "zebra", "elephant"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("dog", ["dog", "dogfish", "hot dog"]),  # whole name, beginning, beginning of a word
        ("fish", ["dogfish"]),  # inside
        ("light", ["lighthouse", "traffic light"]),  # beginning before beginning of a word
        ("tfl", ["traffic light"]),  # in this order, with others between
        ("dgf", ["dogfish"]),
        ("ZEB", ["zebra"]),
        (" traffic  li ", ["traffic light"]),
        ("zerba", ["zebra"]),  # swapped
        ("elefant", ["elephant"]),
        ("eleph", ["elephant"]),
        ("eelph", ["elephant"]),  # a wrong beginning
        ("trafic", ["traffic light"]),
        ("lihgt", ["traffic light", "lighthouse"]),
        ("xylophone", []),
        ("", []),
        ("  ", []),
    ],
)
def test_typed_letters_find_the_names_meant(typed, meant):
    assert best_matches(typed, NAMES) == meant


def test_better_kinds_of_match_come_first():
    names = ["cart", "cotariat", "scar", "red car", "carpet", "car", "caar"]
    found = best_matches("car", names)
    assert found[:5] == ["car", "cart", "carpet", "red car", "scar"]
    assert set(found[5:]) == {"cotariat", "caar"}


def test_equally_good_names_keep_their_order():
    names = ["lamp b", "lamp a", "lamp c"]
    assert best_matches("lamp", names) == names
    assert best_matches("lamp", names[::-1]) == names[::-1]


def test_accents_make_no_difference_and_other_letters_are_found():
    assert best_matches("cafe", ["café", "犬"]) == ["café"]
    assert best_matches("犬", ["café", "犬"]) == ["犬"]


def test_a_name_is_found_once_and_not_more_than_asked_for():
    assert best_matches("dog", ["dog", "dog", "dogs", "dogfish"], limit=2) == ["dog", "dogs"]


def test_a_thousand_names_are_searched_between_two_keys():
    names = [f"{word} {number}" for number in range(250) for word in ("red apple", "sea", "x", "y")]
    names += ["zebra crossing"]
    best_matches("zerba", names)
    started = time.perf_counter()
    assert best_matches("zerba cross", names) == ["zebra crossing"]
    assert time.perf_counter() - started < 0.1
