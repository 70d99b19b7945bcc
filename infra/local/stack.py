"""The whole product on this machine: starts the parts in order, each once the one before is ready.

Used by `make run` and, as a library, by the end-to-end tests:

    with Stack(data, port=0) as stack:
        stack.base_url; stack.stop("cache"); stack.start("cache"); stack.signal("cache", SIGSTOP)
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import ClassVar, Self

from infra.local import folder, locked, operate, ports, servers
from infra.local.bootstrap import ROOT
from infra.local.failure import Failure
from infra.local.parts import HOST, ORDER, PORTS, Part, Place, base_environment, build
from infra.local.process import Process, end_leftovers

START_SECONDS = 60.0
SERVICES = ("auth", "expenses")


class Stack:
    """One data folder and what runs on it; `port` 0 takes any free one."""

    closing: ClassVar[bool] = False  # a signal that asks for it need not interrupt it

    def __init__(self, data: Path, *, port: int, demo: bool = False, tls: bool = False) -> None:
        self.data = data.absolute()
        self._demo, self._servers_only = demo, False
        self.said = ""  # what its user should know of how it was started
        self._running: dict[str, Process] = {}
        self.places: dict[str, Place] = {}  # of parts that see another place than the stack's own
        self.sent: dict[str, int] = {}  # where the gateway was told to send to, once it was
        self._tried: set[str] = set()
        self._hands = Lock()  # what has been stopped is not started again by who has found it ended
        folder.make(self.data)
        self._lock = folder.hold(self.data)
        end_leftovers(self._run_folder, self.data)
        folder.keep_logs_short(self.data)
        self.place = Place(self.data, ports.reserve(PORTS, port), tls)
        operate.publish(self.place)

    @property
    def base_url(self) -> str:
        """The gateway's address, as clients use it."""
        return self.place.origin

    @property
    def _run_folder(self) -> Path:
        return self.data / "run"

    # --- all of it ---------------------------------------------------------------------------------

    def servers(self) -> Self:
        """Without the services: `with Stack(…).servers()` starts Postgres and the two of Redis only."""
        self._servers_only = True
        return self

    def __enter__(self) -> Self:
        try:
            self._start_servers()
            if not self._servers_only:
                self._start_services()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_servers(self) -> None:
        self._make_secrets()
        if self.place.tls:
            self._make_certificate()
        servers.initdb(self.data / "postgres", self.place.secrets / "postgres/superuser_password")
        servers.forget_lock(self.data / "postgres")
        for name in ("postgres", "sessions", "cache"):
            self.launch(name)
        for name in ("postgres", "sessions", "cache"):
            self.wait_ready(name)
        self.make_databases()

    def _start_services(self) -> None:
        for name in SERVICES:
            self.migrate(name)
            for replica in self.replicas(name):
                self.launch(replica)
        for name in SERVICES:
            for replica in self.replicas(name):
                self.wait_ready(replica)
        if self._demo:
            self._seed()
        self.start("gateway")

    def replicas(self, service: str) -> Sequence[str]:
        """The parts that are this service: `auth`, and `auth-next` while it is replaced."""
        return [service, *(name for name in self.places if name.startswith(f"{service}-"))]

    def close(self) -> None:
        """Stop everything, in reverse order."""
        Stack.closing = True
        for name in reversed(ORDER):
            for known_as in self.replicas(name):
                self.stop(known_as)
        spares = (place.ports[service] for service in SERVICES if (place := self.spare(service)))
        ports.release([*self.place.ports.values(), *spares])
        self._lock.close()

    # --- single parts ------------------------------------------------------------------------------

    def build(self, name: str) -> Part:
        """How a part is started, from the place that it sees."""
        place = self.places.get(name, self.place)
        if name == "gateway" and self.sent:
            told = {service: [port] for service, port in [*self.sent.items()]}  # another thread may add one
            place = replace(place, replicas={**place.replicas, **told})
        return build(name.partition("-")[0], place)

    def launch(self, name: str) -> None:
        """Start a part without waiting for it."""
        part = self.build(name)
        self._running[name] = Process(
            name, part.command, environment=part.environment or base_environment(self.data),
            folder=part.folder, log=self.data / f"logs/{name}.log", run=self._run_folder, stop=part.stop,
        )  # fmt: skip

    def wait_ready(self, name: str) -> None:
        """Raises Failure with the end of its log when the part ends, or is not ready in a minute."""
        part, process = self.build(name), self._running[name]
        deadline = time.monotonic() + START_SECONDS
        while not part.ready():
            if not process.alive() or time.monotonic() > deadline:
                said = f"its log {process.log} ends:\n{process.last_lines()}"
                raise Failure(f"{name} did not start; {said}")
            time.sleep(0.05)

    def has(self, name: str) -> bool:
        """Whether a part was started, and not stopped since."""
        return name in self._running

    def trouble(self, name: str) -> str:
        """What is wrong with a part that was ready, and the end of its log; empty while it is well."""
        process = self._running[name]
        if process.alive() and self.build(name).ready():
            return ""
        what = f"has ended {process.end}" if process.ends(1.0) else "is not ready any more"
        return f"{name} {what}; its log {process.log} ends:\n{process.last_lines()}"

    def start(self, name: str) -> None:
        """Start a part and wait until it is ready."""
        self.launch(name)
        self.wait_ready(name)

    def stop(self, name: str) -> None:
        """Stop a part in good order, if it runs; `start` starts it again on the same port."""
        with self._hands:
            process = self._running.pop(name, None)
        if process is not None:
            process.stop()

    def kill(self, name: str) -> None:
        """End a part with SIGKILL."""
        process = self._running.pop(name)
        process.signal(signal.SIGKILL)
        process.stop()

    def signal(self, name: str, number: signal.Signals) -> None:
        """SIGSTOP hangs a part and its children, SIGCONT lets them go on."""
        self._running[name].signal(number)

    def operate(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of a service's operator, such as `keys-rotate` of auth, and wait for it."""
        return operate.run(self.place, service, arguments, capture=True)

    def log(self, name: str) -> str:
        """What a part has written in this run."""
        return (self.data / f"logs/{name}.log").read_text(errors="replace")

    @contextmanager
    def trying(self, name: str) -> Iterator[None]:
        """So long a part that ends is not `ended`: whoever tries it looks at it, and ends it."""
        self._tried.add(name)
        try:
            yield
        finally:
            self._tried.discard(name)

    def ended(self) -> Sequence[Process]:
        """The parts that have ended by themselves."""
        running = [*self._running.values()]  # another thread may start one meanwhile
        return [part for part in running if part.name not in self._tried and not part.alive()]

    def revive(self, part: Process) -> None:
        """Start again what has ended, unless somebody has stopped it meanwhile."""
        with self._hands:
            if self._running.get(part.name) is part:
                part.stop()
                if part.name == "postgres":
                    servers.end_orphans(self.data / "postgres")
                self.launch(part.name)

    # --- a second one of a service, while the first is replaced -------------------------------------

    def spare(self, service: str) -> Place | None:
        """Where the second one listens, if there is one."""
        return self.places.get(f"{service}-next")

    def start_spare(self, service: str) -> None:
        """Start a second one on a free port, and wait until it is ready."""
        own = {**self.place.ports, service: ports.free()}
        self.places[f"{service}-next"] = replace(self.place, ports=own)
        self._tell_ports()
        self.start(f"{service}-next")

    def stop_spare(self, service: str) -> None:
        """Stop it in good order, if it runs."""
        self.stop(f"{service}-next")
        if place := self.places.pop(f"{service}-next", None):
            ports.release([place.ports[service]])
        self._tell_ports()

    def _tell_ports(self) -> None:
        """Where everything listens, for commands that look for it."""
        beside = {f"{one}-next": place.ports[one] for one in SERVICES if (place := self.spare(one))}
        operate.publish(replace(self.place, ports={**self.place.ports, **beside}))

    # --- steps -------------------------------------------------------------------------------------

    def _make_secrets(self) -> None:
        self._step("secrets", [str(ROOT / "infra/secrets/generate.sh"), str(self.place.secrets)], {})

    def _make_certificate(self) -> None:
        """Of TLS_CERT_FILE and TLS_KEY_FILE, or one that is signed by itself."""
        python = str(ROOT / "services/auth/.venv/bin/python")
        command = [python, str(ROOT / "infra/tls/certificate.py"), str(self.place.certificate.parent)]
        given = {name: os.environ.get(name, "") for name in ("TLS_CERT_FILE", "TLS_KEY_FILE")}
        self.said += self._step("certificate", [*command, self.place.origin], given)

    def make_databases(self) -> None:
        """Databases and roles, empty, where there are none."""
        environment = {"PGHOST": HOST, "PGPORT": str(self.place.ports["postgres"]), "PGUSER": "postgres"}
        environment |= {"PSQL": str(servers.postgres("psql"))}
        script = [str(ROOT / "infra/postgres/apply.sh"), str(self.place.secrets / "postgres")]
        self._step("databases", script, environment)

    def migrate(self, name: str, database: str | None = None) -> None:
        """Bring a service's database, or another for it, to the schema of its release. Raises Failure."""
        code, prefix = self.place.code(name), f"{name.upper()}_MIGRATION_DATABASE"
        port = self.place.ports["postgres"]
        environment = {
            f"{prefix}_URL": f"postgresql://{name}_owner@{HOST}:{port}/{database or name}",
            f"{prefix}_PASSWORD_FILE": str(self.place.secrets / f"{name}-migrate/database_password"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [str(code / ".venv/bin/python"), "-m", "alembic", "upgrade", "head"]
        try:
            self._step(f"migrate-{name}", command, environment, code)
        except Failure:
            log = self.data / f"logs/migrate-{name}.log"
            raise Failure(locked.sentence(self.place, name, database or name, log)) from None

    def _seed(self) -> None:
        python = str(ROOT / "infra/local/.venv/bin/python")
        urls = ["--auth", self.place.url("auth"), "--expenses", self.place.url("expenses")]
        self.said += self._step("demo", [python, str(ROOT / "infra/demo/seed.py"), "--quiet", *urls], {})

    def _step(self, name: str, command: list[str], environment: Mapping[str, str], where: Path = ROOT) -> str:
        """Run something that ends; what it said, which is shown at once only if it failed."""
        done = subprocess.run(
            command,
            cwd=where,
            env=base_environment(self.data) | dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        (self.data / f"logs/{name}.log").write_text(done.stdout + done.stderr)
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise Failure(f"{name} failed:\n{said}")
        return done.stdout


def remove(data: Path) -> None:
    """Delete a stack's data folder."""
    shutil.rmtree(data, ignore_errors=True)
