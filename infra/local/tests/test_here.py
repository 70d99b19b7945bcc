"""What a restore stops is started again, whatever becomes of one of it."""

from pathlib import Path

import pytest

from infra.local import bootstrap
from infra.local.failure import Failure
from infra.local.here import HereHeld
from infra.local.stack import Stack


def test_sessions_that_do_not_start_keep_no_other_part_from_it(tmp_path: Path) -> None:
    bootstrap.install(bootstrap.RUN, develop=False)
    (tmp_path / "snapshot").write_text("no snapshot")
    with Stack(tmp_path / "data", port=0).servers() as stack:
        here = HereHeld(stack)
        here.stop()
        with (tmp_path / "snapshot").open("rb") as snapshot:
            here.put_sessions(snapshot)
        with pytest.raises(Failure, match="sessions did not start"):
            here.start()
        assert stack.has("cache")
        assert [part.name for part in stack.ended()] == ["sessions"]
