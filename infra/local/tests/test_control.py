"""How one command is answered while another one's request is being done, and what a failure looks like."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from infra.local.control import Control, ask
from infra.local.failure import Failure

Say = Callable[[str], None]


@contextmanager
def holder(data: Path, handler: Callable[[Mapping[str, Any], Say], None]) -> Iterator[None]:
    (data / "run").mkdir()
    enough = Event()
    with Control(data, {"it": handler}) as control:

        def serve() -> None:
            while not enough.is_set():
                control.serve(0.1)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()


def test_who_waits_for_another_one_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun, enough = Event(), Event()

    def work(request: Mapping[str, Any], say: Say) -> None:
        begun.set()
        assert enough.wait(20)
        say(f"{request['name']} is done")

    with holder(tmp_path, work):
        first = Thread(target=ask, args=[tmp_path, {"do": "it", "name": "first"}])
        first.start()
        assert begun.wait(20)
        second = Thread(target=ask, args=[tmp_path, {"do": "it", "name": "second"}])
        second.start()
        second.join(2)
        assert capsys.readouterr().out == "The stack is busy with what was asked of it before; waiting …\n"
        enough.set()
        first.join(20)
        second.join(20)
    assert capsys.readouterr().out.splitlines() == ["first is done", "second is done"]


@pytest.mark.parametrize(("error", "said"), [
    (Failure("A sentence."), "A sentence."),
    (FileNotFoundError(2, "No such file", "gateway.log"),
     "It broke off (FileNotFoundError: [Errno 2] No such file: 'gateway.log'); make status says what runs."),
    (TypeError("a defect"), "It broke off (TypeError: a defect); make status says what runs."),
])  # fmt: skip
def test_what_fails_is_a_sentence(tmp_path: Path, error: Exception, said: str) -> None:
    def fail(_request: Mapping[str, Any], _say: Say) -> None:
        raise error

    with holder(tmp_path, fail), pytest.raises(Failure) as failure:
        ask(tmp_path, {"do": "it"})
    assert str(failure.value) == said
