"""How long something takes, on a machine that may be busy with something else."""

from collections.abc import Awaitable, Callable


async def in_time(measured: Callable[[], Awaitable[float]], seconds: float) -> None:
    """The first try is, or the two after it are: a moment may be slow, most of them are not."""
    tries = [await measured()]
    if tries[0] >= seconds:
        tries += [await measured(), await measured()]
        assert max(tries[1:]) < seconds, tries
