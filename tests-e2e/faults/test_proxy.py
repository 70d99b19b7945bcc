"""The proxy that plays the faults of the network does what it says, and nothing when nothing is asked."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Thread

import pytest

from faults.proxy import HOST, Wire, Wires
from faults.trouble import Trouble
from infra.local import ports

pytestmark = pytest.mark.faults


class Echo:
    """Sends back what it gets; `heard` is all of it."""

    def __init__(self) -> None:
        self._socket = socket.create_server((HOST, 0))
        self.port = int(self._socket.getsockname()[1])
        self.heard = b""
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._threads.append(Thread(target=self._answer, args=(connection,), daemon=True))
                self._threads[-1].start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while piece := connection.recv(65536):
                self.heard += piece
                connection.sendall(piece)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def echo() -> Iterator[Echo]:
    with closing(Echo()) as server:
        yield server


@pytest.fixture
def wire(echo: Echo) -> Iterator[Wire]:
    with Wires() as wires:
        yield wires.to(echo.port)


def connected(wire: Wire) -> socket.socket:
    client = socket.create_connection((HOST, wire.port), timeout=5)
    client.settimeout(5)
    return client


def received(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := client.recv(65536)):
        data += piece
    return data


def asked(client: socket.socket, text: bytes) -> bytes:
    client.sendall(text)
    return received(client, len(text))


def nothing_comes(client: socket.socket, seconds: float = 0.3) -> bool:
    client.settimeout(seconds)
    try:
        return client.recv(1) is None
    except TimeoutError:
        return True
    finally:
        client.settimeout(5)


def test_without_trouble_all_passes_and_ends_are_passed_on(wire: Wire, echo: Echo) -> None:
    large = bytes(range(256)) * 8192
    with connected(wire) as client:
        sender = Thread(target=client.sendall, args=(large,))
        sender.start()
        assert received(client, len(large)) == large
        sender.join()
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert echo.heard == large
    assert (wire.connections, wire.lost) == (1, 0)


def test_latency_delays_what_is_open_too(wire: Wire) -> None:
    with connected(wire) as client:
        assert asked(client, b"a") == b"a"
        with wire.having(Trouble(latency=0.2)):
            began = time.monotonic()
            assert asked(client, b"b") == b"b"
            assert time.monotonic() - began >= 0.4  # both ways
        assert asked(client, b"c") == b"c"


def test_a_rate_is_not_exceeded(wire: Wire) -> None:
    with connected(wire) as client, wire.having(Trouble(rate=100_000)):
        began = time.monotonic()
        assert asked(client, b"x" * 20_000) == b"x" * 20_000
        assert time.monotonic() - began >= 0.2


def test_a_silent_wire_accepts_and_goes_on_afterwards(wire: Wire, echo: Echo) -> None:
    with connected(wire) as old:
        assert asked(old, b"a") == b"a"
        with wire.having(Trouble(silent=True)), connected(wire) as new:
            for client in (old, new):
                client.sendall(b"b")
                assert nothing_comes(client)
            assert echo.heard == b"a"
        assert old.recv(1) == b"b"


def test_what_is_sent_on_a_silent_wire_backs_up(wire: Wire) -> None:
    with connected(wire) as client, wire.having(Trouble(silent=True)):
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.sendall(bytes(64 * 2**20))


def test_a_refused_connection_is_refused_and_what_is_open_stays(wire: Wire) -> None:
    with connected(wire) as client:
        assert asked(client, b"a") == b"a"
        with wire.having(Trouble(refused=True)):
            with pytest.raises(ConnectionRefusedError):
                connected(wire)
            assert asked(client, b"b") == b"b"
        with connected(wire) as other:
            assert asked(other, b"c") == b"c"


def test_a_cut_comes_after_exactly_so_many_bytes_of_answers(wire: Wire) -> None:
    with connected(wire) as client:
        assert asked(client, b"before it") == b"before it"
        with wire.having(Trouble(cut_after=4)):
            assert asked(client, b"abcd") == b"abcd"
            client.sendall(b"e")
            with pytest.raises(ConnectionResetError):
                client.recv(1)


def test_a_piece_is_cut_in_its_middle(wire: Wire) -> None:
    with connected(wire) as client, wire.having(Trouble(cut_after=3)):
        client.sendall(b"abcdef")
        assert received(client, 3) == b"abc"
        with pytest.raises(ConnectionResetError):
            client.recv(1)


@pytest.mark.parametrize("pieces", [[b"COMMIT"], [b"; COM", b"MIT;"]])
def test_an_answer_is_lost_when_it_has_been_asked_for(wire: Wire, echo: Echo, pieces: list[bytes]) -> None:
    trouble = Trouble(unanswered=b"COMMIT")
    with connected(wire) as client, connected(wire) as other, wire.having(trouble):
        assert asked(client, b"begin") == b"begin"
        for piece in pieces[:-1]:
            assert asked(client, piece) == piece
        client.sendall(pieces[-1])
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert asked(other, b"others") == b"others"
        assert wire.lost == 1
    assert b"COMMIT" in echo.heard


def test_a_swallowed_answer_leaves_the_connection_open(wire: Wire, echo: Echo) -> None:
    with connected(wire) as client:
        with wire.having(Trouble(swallowed=b"COMMIT")):
            client.sendall(b"COMMIT")
            assert nothing_comes(client)
            assert echo.heard == b"COMMIT"
        assert asked(client, b"on") == b"on"


def test_a_cut_resets_everything_and_lets_new_ones_in(wire: Wire) -> None:
    with connected(wire) as client:
        assert asked(client, b"a") == b"a"
        wire.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with connected(wire) as client:
        assert asked(client, b"b") == b"b"


def test_the_first_of_several_that_accepts_is_connected_to(echo: Echo) -> None:
    nobody = ports.free()
    with Wires() as wires:
        wire = wires.to(nobody, echo.port)
        with connected(wire) as client:
            assert asked(client, b"a") == b"a"
        with pytest.raises(ConnectionResetError), connected(wires.to(nobody)) as client:
            client.recv(1)
