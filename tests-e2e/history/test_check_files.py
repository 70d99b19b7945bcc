"""A history that was written down is judged again, for a person too."""

from pathlib import Path

import pytest

from history.check import main, violations
from history.record import Record, load
from history.story import Story


def test_a_history_is_judged_again_from_its_file(tmp_path: Path) -> None:
    story = Story()
    story.create("a")
    story.look([])
    history = story.history()
    with Record(tmp_path / "history.jsonl") as record:
        for call in history.calls:
            record.add(call)
        record.close_with(history.finals[0])
    again = load((tmp_path / "history.jsonl").read_text().splitlines())
    assert again == history
    assert violations(again) == violations(history) != []


def test_a_person_is_told_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = Story()
    file = tmp_path / "history.jsonl"
    for wrong in (0, 1):
        with Record(file) as record:
            record.close_with(story.final(**({"items": [{"id": "a"}]} if wrong else {})))
        assert main([str(file)]) == wrong
        assert f"{wrong} violations." in capsys.readouterr().out
