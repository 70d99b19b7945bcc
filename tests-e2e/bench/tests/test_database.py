import pytest

from bench.database import transactions
from infra.local.failure import Failure

SAID = """pgbench (18.4)
number of transactions actually processed: 2048
number of failed transactions: 0 (0.000%)
initial connection time = 51.3 ms
tps = 412.530217 (without initial connection time)
"""


def test_the_rate_is_read() -> None:
    assert transactions(SAID) == 412.530217


def test_nothing_done_is_no_rate() -> None:
    assert transactions("number of transactions actually processed: 0\n") == 0


@pytest.mark.parametrize("said", ["", f"pgbench: error: client 3 aborted in command 2\n{SAID}"])
def test_a_run_that_failed_is_said(said: str) -> None:
    with pytest.raises(Failure, match="pgbench failed"):
        transactions(said)
