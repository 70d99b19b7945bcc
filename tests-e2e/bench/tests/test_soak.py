import pytest

from bench.soak import CACHE_LIMIT_KIB, Watched, report


def test_the_warm_up_does_not_count() -> None:
    assert Watched("auth", [10, 50, 100, 100, 100, 100, 100, 100, 100, 100]).growth == 0


@pytest.mark.parametrize(("last", "flat"), [(104_900, True), (105_000, False)])
def test_five_percent_is_too_much(last: int, flat: bool) -> None:  # noqa: FBT001 - a table
    grown = Watched("expenses", [100_000] * 10 + [last] * 5)
    assert grown.is_flat is flat
    assert report([grown], []) == (0 if flat else 1)


@pytest.mark.parametrize(("kib", "flat"), [(CACHE_LIMIT_KIB, True), (2 * CACHE_LIMIT_KIB, False)])
def test_the_cache_may_fill_up_to_what_it_may_keep(kib: int, flat: bool) -> None:  # noqa: FBT001 - the same
    assert Watched("cache", [1000] * 10 + [kib] * 5).is_flat is flat


def test_a_wrong_answer_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([Watched("auth", [100] * 10)], ["2 answers were wrong"]) == 1
    assert "2 answers were wrong" in capsys.readouterr().out
