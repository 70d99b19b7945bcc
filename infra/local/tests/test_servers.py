"""What a start leaves that was cut off while it made the server."""

import sys
from pathlib import Path

from infra.local import servers


def test_it_is_deleted_also_when_its_program_still_writes(tmp_path: Path) -> None:
    part, late = tmp_path / "postgres-1.part", ["1", "2", "3"]
    part.mkdir()

    def write(event: str, _: object) -> None:
        """Just before a folder is deleted that was found empty; Python keeps the hook, which does no more."""
        if event == "os.rmdir" and late:
            (part / late.pop()).touch()

    sys.addaudithook(write)
    servers.remove(part)
    assert not late
    assert not part.exists()
