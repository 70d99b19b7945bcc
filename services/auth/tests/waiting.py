"""How long something takes, on a machine that may be busy with something else."""

from collections.abc import Awaitable, Callable


async def in_time(measured: Callable[[], Awaitable[float]], seconds: float) -> None:
    """Of three tries one has to be: a machine that is busy makes each longer, and none shorter."""
    tries: list[float] = []
    while not tries or tries[-1] >= seconds:
        assert len(tries) < 3, tries
        tries.append(await measured())
