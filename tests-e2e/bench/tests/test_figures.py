import pytest

from bench.figures import Goal, Line, Round, Sample, alternate, figure, median_of, verdict


def line(*ratios: float, goal: Goal | None = None) -> Line:
    rounds = [Round(Sample(100.0), Sample(100.0 * ratio, cpu_us=50.0)) for ratio in ratios]
    return Line("P0", "", "one", "other", "req/s", rounds, goal)


def test_a_ratio_is_the_subject_over_the_reference() -> None:
    assert Round(Sample(200.0), Sample(50.0)).ratio == 0.25


def test_a_reference_that_did_nothing_is_no_division() -> None:
    assert Round(Sample(0.0), Sample(50.0)).ratio == 0


@pytest.mark.parametrize(
    ("direction", "figure", "met"),
    [("at least", 0.5, True), ("at least", 0.499, False), ("at most", 0.5, True), ("at most", 0.501, False)],
)
def test_the_edge_of_a_goal_is_met(direction: str, figure: float, met: bool) -> None:  # noqa: FBT001 - a table
    assert Goal(direction, 0.5).is_met(figure) is met  # type: ignore[arg-type]  # one of the two


def test_the_median_is_judged_and_not_the_best() -> None:
    goal = Goal("at least", 0.5)
    assert verdict(line(0.1, 0.4, 0.9, goal=goal)) == "MISSED"
    assert verdict(line(0.1, 0.6, 0.9, goal=goal)) == "met"


@pytest.mark.parametrize(
    ("ratio", "goal", "text"),
    [
        (0.4942, Goal("at least", 0.5), "0.49"),
        (0.4993, Goal("at least", 0.5), "0.499"),
        (0.4999, Goal("at least", 0.5), "0.4999"),
        (0.49999, Goal("at least", 0.5), "0.5000"),
        (0.5, Goal("at least", 0.5), "0.50"),
        (10.0231, Goal("at most", 10), "10.02"),
        (10.0031, Goal("at most", 10), "10.003"),
        (0.4995, None, "0.50"),
    ],
)
def test_a_figure_is_told_on_its_side_of_the_goal(ratio: float, goal: Goal | None, text: str) -> None:
    assert figure(line(ratio, goal=goal)) == text


def test_a_line_without_a_goal_is_reported() -> None:
    assert verdict(line(0.1)) == "reported"


def test_a_line_without_a_round_has_failed() -> None:
    assert verdict(line(goal=Goal("at least", 0))) == "FAILED"


@pytest.mark.parametrize("side", ["reference", "subject"])
def test_one_wrong_answer_fails_the_line(side: str) -> None:
    good, bad = Sample(100.0), Sample(100.0, faults=("1 answers were wrong",))
    spoilt = Round(bad, good) if side == "reference" else Round(good, bad)
    rounds = [Round(good, good), spoilt, Round(good, good)]
    judged = Line("P0", "", "one", "other", "req/s", rounds, Goal("at least", 0.1))
    assert verdict(judged) == "FAILED"
    assert judged.faults == ["1 answers were wrong"]


def test_sides_take_turns_and_each_begins_half_of_the_rounds() -> None:
    order = []

    def side(name: str) -> Sample:
        order.append(name)
        return Sample(float(len(order)))

    rounds = alternate(3, lambda: side("r"), lambda: side("s"))
    assert "".join(order) == "rssrrs"
    assert [(one.reference.value, one.subject.value) for one in rounds] == [(1, 2), (4, 3), (5, 6)]


def test_what_is_not_known_is_left_out_of_a_median() -> None:
    assert median_of([None, 3.0, 1.0]) == 2.0
    assert median_of([None]) is None
