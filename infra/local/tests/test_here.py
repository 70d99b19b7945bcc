"""What the parts are asked for: it is done, or said in a sentence, whatever becomes of one of them."""

import shutil
from io import BytesIO
from pathlib import Path

import pytest

from infra.local import bootstrap
from infra.local.failure import Failure
from infra.local.here import Here, HereHeld
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


def test_sessions_that_cannot_be_written_are_not_taken_for_a_server_of_another_release(
    tmp_path: Path,
) -> None:
    bootstrap.install(bootstrap.RUN, develop=False)
    with Stack(tmp_path / "data", port=0).servers() as stack:
        shutil.rmtree(stack.data / "sessions")  # where the snapshot would be
        with pytest.raises(Failure, match=r"could not write a snapshot: .*/logs/sessions\.log ends with why"):
            Here(stack.place).sessions(BytesIO())
        assert "No such file or directory" in stack.log("sessions")
