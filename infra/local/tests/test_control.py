"""How one command is answered while another one's request is being done, and what a failure looks like."""

import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread, main_thread
from typing import Any

import pytest

from infra.local import control as module
from infra.local.__main__ import Stopped
from infra.local.control import Control, ask
from infra.local.failure import Failure

Say = Callable[[str], None]
BUSY = "The stack is busy with what was asked of it before; waiting …"


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


def printed(capsys: pytest.CaptureFixture[str], times: int) -> None:
    """Wait until so many threads are told that it is busy, and nothing else; print() writes the end apart."""
    said, deadline = "", time.monotonic() + 20
    while said.count("\n") < times:
        assert time.monotonic() < deadline, said
        time.sleep(0.01)
        said += capsys.readouterr().out
    assert said.replace("\n", "") == BUSY * times


def test_who_waits_for_another_one_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, enough = Event(), Event()
    done: list[str] = []

    def work(request: Mapping[str, Any], say: Say) -> None:
        begun.set()
        assert enough.wait(20)
        done.append(request["name"])
        say(f"{request['name']} is done")

    with holder(tmp_path, work):
        monkeypatch.setattr(module, "BUSY_SECONDS", 20.0)  # whose turn comes late is told so too
        first = Thread(target=ask, args=[tmp_path, {"do": "it", "name": "first"}])
        first.start()
        assert begun.wait(20)
        monkeypatch.undo()
        second = Thread(target=ask, args=[tmp_path, {"do": "it", "name": "second"}])
        second.start()
        printed(capsys, 1)
        enough.set()
        first.join(20)
        second.join(20)
    assert done == ["first", "second"]
    # Each prints its own, in a thread of its own.
    said = capsys.readouterr().out
    assert said.replace("\n", "") in {"first is donesecond is done", "second is donefirst is done"}


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


def test_who_interrupts_is_told_that_it_goes_on(tmp_path: Path) -> None:
    # Where pytest runs in the background of a shell, Ctrl-C is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    done: list[str] = []
    enough = Event()

    def work(_request: Mapping[str, Any], _say: Say) -> None:
        signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)
        assert enough.wait(20)
        done.append("to the end")

    try:
        with holder(tmp_path, work):
            with pytest.raises(Failure, match="The stack goes on with it to the end"):
                ask(tmp_path, {"do": "it"})
            enough.set()
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ["to the end"]


def test_who_leaves_before_the_turn_has_come_has_nothing_done(tmp_path: Path) -> None:
    begun, enough = Event(), Event()
    done: list[str] = []

    def work(request: Mapping[str, Any], _say: Say) -> None:
        begun.set()
        assert enough.wait(20)
        done.append(request["name"])

    with holder(tmp_path, work):
        threads = [Thread(target=ask, args=[tmp_path, {"do": "it", "name": "first"}])]
        threads[0].start()
        assert begun.wait(20)
        with socket.socket(socket.AF_UNIX) as leaves:
            leaves.connect(str(tmp_path / "run/control"))
            leaves.sendall(b'{"do": "it", "name": "second"}\n')
        threads.append(Thread(target=ask, args=[tmp_path, {"do": "it", "name": "third"}]))
        threads[1].start()
        enough.set()
        for thread in threads:
            thread.join(20)
    assert done == ["first", "third"]


def test_who_is_stopped_begins_nothing_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal comes while a request is being done and another one waits."""
    begun: list[str] = []
    told: list[str] = []

    def work(request: Mapping[str, Any], _say: Say) -> None:
        begun.append(request["name"])
        raise Stopped

    def wish(name: str) -> None:
        try:
            ask(tmp_path, {"do": "it", "name": name})
        except Failure as failure:
            told.append(str(failure))

    monkeypatch.setattr(module, "BUSY_SECONDS", 0.0)
    (tmp_path / "run").mkdir()
    threads = [Thread(target=wish, args=[name]) for name in ("first", "second")]
    with Control(tmp_path, {"it": work}) as control:
        for thread in threads:
            thread.start()
        printed(capsys, 2)  # so both have asked
        with pytest.raises(Stopped):
            control.serve(20)
    for thread in threads:
        thread.join(20)
    assert len(begun) == 1
    assert told == ["The stack was stopped meanwhile: start it with make run, then ask again."] * 2
