"""Tables, by hand."""

from weclip_training.reproduce.report import Row, csv_text, markdown_table

ROWS = (
    Row("λ = 0", "73.3", (70.0, 72.0, 74.0), 90.0),
    Row("once", "", (50.25,), 6.0, "made once"),
    Row("RIB", "70.6", remark="printed figure"),
)


def test_csv_has_mean_and_spread_of_a_sample():
    assert csv_text("table4", ROWS) == (
        "item,setting,paper,ours_mean,ours_std,seeds,seconds\n"
        "table4,λ = 0,73.3,72.00,2.00,3,90.0\n"
        "table4,once,,50.25,,1,6.0\n"
        "table4,RIB,70.6,,,0,0.0\n"
    )


def test_markdown_has_remarks_below():
    assert markdown_table("mIoU %", "paper", ROWS) == (
        "| setting | paper | mIoU % | seeds | min |\n"
        "|---|---|---|---|---|\n"
        "| λ = 0 | 73.3 | 72.0 ± 2.0 | 3 | 1.5 |\n"
        "| once | - | 50.2 | 1 | 0.1 |\n"
        "| RIB | 70.6 | - | - | - |\n"
        "\n"
        "- once: made once\n"
        "- RIB: printed figure\n"
    )


def test_a_table_without_remarks_ends_with_its_rows():
    assert markdown_table("mIoU %", "paper", ROWS[:1]).endswith("| 3 | 1.5 |\n")
