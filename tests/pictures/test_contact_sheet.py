"""Sheets of pictures: every picture stands whole in its cell."""

import numpy as np

from weclip_napari.pictures.contact_sheet import GAP, LINE, contact_sheet, legend


def plain(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


def test_pictures_of_any_sizes_stand_whole_in_their_rows_and_columns():
    rows = [
        ("first", [plain(60, 90, 10), plain(60, 80, 20)]),
        ("second", [plain(100, 70, 30), plain(100, 120, 40)]),
    ]
    sheet = contact_sheet(("left", "right"), rows)
    assert sheet.shape == (LINE + 60 + LINE + 100 + LINE, GAP + 90 + GAP + 120 + GAP, 3)
    second = LINE + 60 + LINE
    right = GAP + 90 + GAP
    np.testing.assert_array_equal(sheet[LINE : LINE + 60, GAP : GAP + 90], rows[0][1][0])
    np.testing.assert_array_equal(sheet[LINE : LINE + 60, right : right + 80], rows[0][1][1])
    np.testing.assert_array_equal(sheet[second : second + 100, GAP : GAP + 70], rows[1][1][0])
    np.testing.assert_array_equal(sheet[second : second + 100, right : right + 120], rows[1][1][1])
    assert (sheet[LINE : LINE + 60, right + 80 :] == 255).all()


def test_headings_and_captions_are_written():
    sheet = contact_sheet(("heading",), [("caption", [plain(50, 200, 128)])])
    assert (sheet[:LINE] < 100).any()
    assert (sheet[LINE + 50 :] < 100).any()


def test_a_legend_has_every_colour_and_breaks_its_lines():
    red, blue = (200, 0, 0), (0, 0, 200)
    entries = [("a long name", red), ("another long name", blue)]
    one, two = legend(entries, 600), legend(entries, 150)
    assert (one.shape[1], two.shape[1]) == (600, 150)
    assert two.shape[0] == one.shape[0] + LINE
    for picture in (one, two):
        for colour in (red, blue):
            assert (picture == colour).all(axis=2).sum() >= 100
