"""The containers of `make up`, through `docker compose`."""

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from infra.local.failure import Failure
from infra.local.probes import number

PARTS = ("postgres", "redis-sessions", "redis-cache", "auth", "expenses", "gateway")
ANSWER_SECONDS = 10.0
_VERSIONS: Mapping[str, Sequence[str]] = {
    "postgres": ("postgres", "--version"),
    "redis-sessions": ("redis-server", "--version"),
    "redis-cache": ("redis-server", "--version"),
    "auth": ("python", "-c", "import auth_service; print(auth_service.__version__)"),
    "expenses": ("python", "-c", "import expenses_service; print(expenses_service.__version__)"),
    "gateway": ("traefik", "version"),
}


@dataclass(frozen=True)
class Container:
    """One container, in the engine's words."""

    id: str
    name: str
    service: str
    state: str
    health: str


@dataclass(frozen=True)
class Compose:
    """The command, with the files that this stack is made of."""

    command: Sequence[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """From `docker compose --file …`."""
        return cls(tuple(shlex.split(text)))

    def run(self, *arguments: str, seconds: float | None = None) -> str:
        """What a command of Compose says. Raises Failure with the end of what it complains of."""
        done = subprocess.run(
            [*self.command, *arguments], capture_output=True, text=True, timeout=seconds, check=False
        )
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise Failure(f"docker … {' '.join(arguments[:4])} … failed:\n{said}")
        return done.stdout

    def engine(self, *arguments: str) -> str:
        """What a command of the engine itself says. Raises Failure."""
        return Compose(self.command[:1]).run(*arguments)

    def list(self) -> Sequence[Container]:
        """All of them, also those that ended."""
        said = self.run("ps", "--all", "--no-trunc", "--format", "json", seconds=ANSWER_SECONDS).strip()
        # One array, or since Compose 2.21 an object a line.
        rows = json.loads(said) if said.startswith("[") else map(json.loads, said.splitlines())
        members = ("ID", "Name", "Service", "State", "Health")
        return [Container(*(row.get(member, "") for member in members)) for row in rows]

    def version(self, service: str) -> str:
        """Of what runs in a service's container; empty when it does not say."""
        try:
            return number(self.run("exec", "-T", service, *_VERSIONS[service], seconds=ANSWER_SECONDS))
        except (Failure, subprocess.TimeoutExpired):
            return ""
