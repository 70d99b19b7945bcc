"""Which folders a stack takes for its own."""

from pathlib import Path

import pytest

from infra.local import folder
from infra.local.failure import Failure


@pytest.mark.parametrize("there", [[], ["lost+found"], ["run"], ["run/lock"], ["secrets/auth"]])
def test_a_new_folder_a_new_disk_and_what_a_stack_has_begun_can_be_used(
    tmp_path: Path, there: list[str]
) -> None:
    for name in there:
        (tmp_path / name).mkdir(parents=True)
    if there == ["run/lock"]:
        (tmp_path / "run/lock").rmdir()
        (tmp_path / "run/lock").touch()
        (tmp_path / "postgres").mkdir()
    folder.make(tmp_path)
    (tmp_path / "postgres").mkdir(exist_ok=True)
    folder.make(tmp_path)
    folder.hold(tmp_path).close()


@pytest.mark.parametrize("theirs", ["log", "lost+found/log", "run/lock/log"])
def test_a_folder_of_others_cannot_also_when_it_has_folders_of_the_same_names(
    tmp_path: Path, theirs: str
) -> None:
    for name in (theirs, "lib"):
        (tmp_path / name).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Failure, match="it has other files in it"):
        folder.make(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
