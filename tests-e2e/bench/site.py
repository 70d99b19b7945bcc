"""Where it is measured: a stack of its own, and what a row starts beside it; all of it ends."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from bench import machine, people, seeding
from bench.database import Database
from bench.figures import Curve
from bench.options import Options
from bench.people import Person
from bench.web import Answer
from infra.local import ports
from infra.local.bootstrap import ROOT
from infra.local.failure import Failure
from infra.local.parts import HOST, ORDER, Part, Place, answers, base_environment, build
from infra.local.process import Process
from infra.local.stack import START_SECONDS, Stack

REFERENCES = Path(__file__).parent / "references"
# The load comes from one address and is no attack.
SETTINGS = {"AUTH_THROTTLE_ADDRESS_FAILURES": "1000000", "AUTH_THROTTLE_REGISTRATIONS": "1000000"}
CROWD = 1000
CROWD_EACH = 60
ADA_HAS = 1000


@dataclass(frozen=True)
class Target:
    """An address, and the process whose work is measured there."""

    url: str
    pid: int

    def at(self, url: str) -> "Target":
        """The same process, reached in another way."""
        return replace(self, url=url)


class Site:
    """The stack under measurement."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.cores = machine.Cores.of(os.sched_getaffinity(0))
        self._open = ExitStack()
        self.curves: list[Curve] = []  # for the picture
        self._extras: list[Process] = []

    def __enter__(self) -> Self:
        os.environ.update(SETTINGS)
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self._open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self.stack = self._open.enter_context(Stack(self.folder / "stack", port=0))
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_extras()
        os.sched_setaffinity(0, self.cores.every)
        self._open.close()

    # --- the stack ---------------------------------------------------------------------------------

    @property
    def place(self) -> Place:
        """Where the stack is."""
        return self.stack.place

    @property
    def gateway(self) -> str:
        """The gateway's address, without a name to look up."""
        return self.place.url("gateway")

    @property
    def service(self) -> Target:
        """The expenses service itself."""
        return Target(self.place.url("expenses"), self.pid("expenses"))

    @property
    def behind_gateway(self) -> Target:
        """The same through the gateway."""
        return self.service.at(self.gateway)

    @property
    def sign_in(self) -> Target:
        """auth itself."""
        return Target(self.auth, self.pid("auth"))

    @property
    def auth(self) -> str:
        """The same of auth."""
        return self.place.url("auth")

    def pid(self, part: str) -> int:
        """Of a part of the stack."""
        return int((self.stack.data / f"run/{part}.pid").read_text())

    def environment(self, part: str) -> Mapping[str, str]:
        """What a part of the stack is started with."""
        return build(part, self.place).environment

    @cached_property
    def database(self) -> Database:
        """The one that the service of the stack uses."""
        return Database(self.place)

    @cached_property
    def empty(self) -> Database:
        """The schema alone, to make more databases from."""
        self.stack.stop("expenses")
        copy = self.database.copy_of("bench_empty")
        copy.run("TRUNCATE expenses, user_state, rollups, change_log, idempotency, categories")
        self.stack.start("expenses")
        return copy

    # --- who is there ------------------------------------------------------------------------------

    @cached_property
    def ada(self) -> Person:
        """Somebody with a thousand expenses."""
        ada = people.register(self.auth)
        seeding.seed(self.database, [ada.id], ADA_HAS)
        return ada

    @cached_property
    def crowd(self) -> list[UUID]:
        """A thousand people with sixty expenses each."""
        users = people.new_users(CROWD)
        seeding.seed(self.database, users, CROWD_EACH)
        return users

    # --- cores -------------------------------------------------------------------------------------

    def pin(self, *measured: Target) -> None:
        """Give these a core of their own; the stack, the load and this process get the others."""
        for name in ORDER:
            machine.pin(self.pid(name), self.cores.others)
        for extra in self._extras:
            machine.pin(extra.pid, self.cores.others)
        os.sched_setaffinity(0, self.cores.others)
        for target in measured:
            machine.pin(target.pid, self.cores.measured)

    def unpin(self) -> None:
        """Everybody runs wherever there is room."""
        os.sched_setaffinity(0, self.cores.every)
        for pid in [*map(self.pid, ORDER), *(extra.pid for extra in self._extras)]:
            machine.pin(pid, self.cores.every)

    # --- beside the stack --------------------------------------------------------------------------

    def end_extras(self) -> None:
        """Stop what a row has started beside the stack."""
        while self._extras:
            self._extras.pop().stop()

    def bare(self, answer: Answer) -> Target:
        """A bare uvicorn application that gives this answer."""
        port = ports.free()
        file = self.folder / f"answer-{port}.json"
        file.write_text(json.dumps({"headers": answer.headers, "body": answer.body}))
        url = f"http://{HOST}:{port}"
        command = [self.python("expenses"), str(REFERENCES / "bare.py"), str(port), str(file)]
        part = Part("bare", command, lambda: answers(url), base_environment(self.stack.data))
        return Target(url, self._start(f"bare-{port}", part).pid)

    def another_gateway(self, *upstreams: str) -> str:
        """The same gateway, with other servers in place of the expenses service."""
        return self.gateway_from(ROOT / "gateway", *upstreams).url

    def gateway_from(self, folder: Path, *upstreams: str) -> Target:
        """A gateway of the files in this folder, before these servers."""
        port = ports.free()
        state = self.folder / f"gateway-{port}"
        state.mkdir()
        place = self._with(gateway=port, exchange=ports.free(), metrics=ports.free())
        part = build("gateway", place)
        changed = {"GATEWAY_STATE": str(state), "EXPENSES_URL": " ".join(upstreams)}
        part = replace(part, command=[str(folder / "start")], environment={**part.environment, **changed})
        return Target(place.url("gateway"), self._start(f"gateway-{port}", part).pid)

    def another_expenses(self, database: Database) -> Target:
        """One more process of the expenses service, on any database."""
        port = ports.free()
        place = self._with(expenses=port)
        part = build("expenses", place)
        url = part.environment["EXPENSES_DATABASE_URL"].rpartition("/")[0]
        changed = {"EXPENSES_DATABASE_URL": f"{url}/{database.name}"}
        process = self._start(f"expenses-{port}", replace(part, environment={**part.environment, **changed}))
        return Target(place.url("expenses"), process.pid)

    def run_reference(
        self, service: str, script: str, *arguments: str, environment: Mapping[str, str] | None = None,
        cores: Collection[int] = (),
    ) -> str:  # fmt: skip
        """What a reference prints that runs to its end in a service's environment. Raises Failure."""
        command = [*machine.on(cores), self.python(service), str(REFERENCES / script), *arguments]
        done = subprocess.run(
            command, env={**base_environment(self.stack.data), **(environment or {})}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Failure(f"{script} failed:\n{done.stderr.strip()}")
        return done.stdout

    def python(self, service: str) -> str:
        """The interpreter of a service's environment."""
        return str(ROOT / "services" / service / ".venv/bin/python")

    def say(self, text: str) -> None:
        """Progress, for a person who waits."""
        print(text, file=sys.stderr, flush=True)

    def _with(self, **ports: int) -> Place:
        return replace(self.place, ports={**self.place.ports, **ports})

    def _start(self, name: str, part: Part) -> Process:
        process = Process(
            name, part.command, environment=part.environment, folder=part.folder,
            log=self.stack.data / f"logs/{name}.log", run=self.stack.data / "run", stop=part.stop,
        )  # fmt: skip
        self._extras.append(process)
        wait_ready(process, part)
        return process


def wait_ready(process: Process, part: Part) -> None:
    """Until the part is ready. Raises Failure with the end of its log."""
    deadline = time.monotonic() + START_SECONDS
    while not part.ready():
        if not process.alive() or time.monotonic() > deadline:
            raise Failure(f"{process.name} did not start; its log ends:\n{process.last_lines()}")
        time.sleep(0.05)
