from bench.figures import Sample
from bench.rows.overload import Flooded, refusals


def flood(refused: float, slow_ms: float | None) -> Flooded:
    return Flooded(Sample(1000), refused, slow_ms)


def test_how_many_were_refused_and_how_quickly_is_said_of_the_middle_flood() -> None:
    said = refusals([flood(0.10, 300), flood(0.50, 100), flood(0.12, 200)])
    assert said == "12% of the answers were refusals, 95 of 100 of them within 200 ms"


def test_a_flood_in_which_nothing_was_refused_is_none() -> None:
    assert refusals([flood(0, None), flood(0, None)]) == "nothing was refused"
