import json
import xml.etree.ElementTree as ET

import pytest

from bench.figures import Curve, Goal, Line, Round, Sample
from bench.picture import BAR, picture, score
from bench.table import document, remarks, summary, table

SVG = "{http://www.w3.org/2000/svg}"


def line(ratio: float, goal: Goal | None, row: str = "P1") -> Line:
    rounds = [Round(Sample(1000.0, 20.0), Sample(1000.0 * ratio, 80.0, 1.0, 12.34))]
    return Line(row, "1 & more", "bare", "list", "req/s", rounds, goal)


AT_LEAST, AT_MOST = Goal("at least", 0.5), Goal("at most", 3)


def test_the_table_has_both_sides_the_ratio_the_goal_and_the_verdict() -> None:
    text = table([line(0.6, AT_LEAST), line(4, AT_MOST, "P6")])
    first, second = text.splitlines()[2:]
    assert first.split("  ")[0] == "P1"
    for part in (
        "1 & more: list / bare",
        "1,000 req/s  20.0    600 req/s    80.0    12.3",
        "0.60",
        "≥ 0.5",
        "met",
    ):
        assert part in first
    assert "≤ 3" in second
    assert second.endswith("MISSED")


def test_a_line_that_could_not_be_measured_has_failed_and_says_why() -> None:
    failed = Line("P3", "not measured", "-", "-", "", [], notes=("no such table",))
    assert table([failed]).endswith("FAILED")
    assert summary(failed) == "P3, not measured, -, -, reported, FAILED"
    assert score(failed) == 0
    assert remarks([failed]) == ["P3 not measured: no such table"]


def test_faults_and_notes_are_told_apart_from_the_table() -> None:
    bad = Round(Sample(1.0), Sample(1.0, faults=("3 answers were wrong",)))
    failed = Line("P2", "16", "bare", "304", "req/s", [bad], AT_LEAST, notes=("a note",))
    assert remarks([failed]) == ["P2 16: 3 answers were wrong", "P2 16: a note"]
    assert table([failed]).endswith("FAILED")


def test_the_document_is_json_with_every_round() -> None:
    said = json.loads(json.dumps(document([line(0.6, AT_LEAST)], [Curve("P6", [(10, 1.5)])], date="today")))
    assert said["date"] == "today"
    assert said["lines"][0]["verdict"] == "met"
    assert said["lines"][0]["rounds"][0]["subject"]["value"] == 600
    assert said["growth"] == [{"name": "P6", "points": [[10, 1.5]]}]


@pytest.mark.parametrize(
    ("ratio", "goal", "reached"), [(0.25, AT_LEAST, 0.5), (1.5, AT_MOST, 2), (6, AT_MOST, 0.5), (9, None, 1)]
)
def test_a_bar_is_longer_for_what_is_better_whichever_way(
    ratio: float, goal: Goal | None, reached: float
) -> None:
    assert score(line(ratio, goal)) == reached


def test_the_picture_is_xml_with_a_bar_a_line_and_a_point_a_size() -> None:
    curve = Curve("P6 first page", [(10_000, 1.0), (100_000, 1.1), (1_000_000, 1.3)])
    lines = [line(0.6, AT_LEAST), line(0.2, AT_LEAST, "P2"), line(1, None, "P12")]
    tree = ET.fromstring(picture(lines, [curve], "a <machine>"))  # noqa: S314 - our own text
    bars = [each for each in tree.iter(f"{SVG}rect") if each.get("height") == str(BAR)]
    widths = [float(bar.get("width", "0")) for bar in bars]
    assert len(widths) == 3
    assert widths[0] > widths[2] > widths[1]  # above, at and below the goal
    points = [float(point.get("cx", "0")) for point in tree.iter(f"{SVG}circle")]
    assert points[2] - points[1] == pytest.approx(
        points[1] - points[0], abs=0.11
    )  # tenfold from mark to mark
    said = [text.text for text in tree.iter(f"{SVG}text")]
    assert "a <machine>" in said
    assert "P1  1 & more" in said


def test_a_picture_of_nothing_is_a_picture() -> None:
    assert ET.fromstring(picture([], [], "")).tag == f"{SVG}svg"  # noqa: S314 - our own text
