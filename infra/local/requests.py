"""What the holder of a stack does when another command asks for it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra.local.control import Handler
from infra.local.here import HereHeld
from infra.local.restore import restore
from infra.local.rollout import rollout
from infra.local.stack import Stack


def handlers(stack: Stack) -> Mapping[str, Handler]:
    """By the request's `do`."""

    def bring_back(request: Mapping[str, Any], say: Callable[[str], None]) -> None:
        restore(
            HereHeld(stack),
            Path(request["folder"]),
            replace=bool(request["replace"]),
            without_sessions=bool(request["without_sessions"]),
            say=say,
        )

    def replace(request: Mapping[str, Any], say: Callable[[str], None]) -> None:
        rollout(stack, str(request["service"]), say)

    return {"restore": bring_back, "rollout": replace}
