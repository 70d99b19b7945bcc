"""The way to the stack's Postgres: psql as its superuser, and pgbench."""

import re
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from bench import machine
from infra.local import servers
from infra.local.failure import Failure
from infra.local.parts import HOST, Place

SERVICE = "expenses"


class Database:
    """One database of the stack, with the service's schema in it."""

    def __init__(self, place: Place, name: str = SERVICE) -> None:
        self.place = place
        self.name = name

    def run(self, sql: str) -> str:
        """What psql prints, columns with `|` between. Raises Failure."""
        command = [str(servers.postgres("psql")), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]
        done = subprocess.run(
            [*command, "--set=ON_ERROR_STOP=1", "--file=-"],
            env=self._account("postgres", self.place.secrets / "postgres/superuser_password"),
            input=f"SET search_path = {SERVICE}, public;\n{sql}",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failure(f"psql failed on {self.name}:\n{done.stderr.strip()}\n{sql[:500]}")
        return done.stdout.strip()

    def copy_of(self, name: str) -> "Database":
        """A new database with all that is in this one; nobody may be connected to this one meanwhile."""
        Database(self.place, "postgres").run(
            f'SET search_path = pg_catalog; DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
        )
        Database(self.place, "postgres").run(f'CREATE DATABASE "{name}" TEMPLATE "{self.name}"')
        other = Database(self.place, name)
        other.run(f'GRANT CONNECT, TEMPORARY ON DATABASE "{name}" TO expenses_app')
        return other

    def pgbench(
        self,
        script: Path,
        variables: Mapping[str, str],
        cores: Collection[int],
        *,
        clients: int,
        seconds: int,
    ) -> "subprocess.Popen[str]":
        """pgbench under way, as the service's own role; `transactions` reads what it says."""
        given = [f"--define={name}={value}" for name, value in variables.items()]
        command = [
            *machine.on(cores),
            str(servers.postgres("pgbench")),
            "--no-vacuum",
            "--protocol=prepared",
            *given,
        ]
        return subprocess.Popen(
            [*command, f"--client={clients}", f"--time={seconds}", f"--file={script}"],
            env=self.app_account(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def app_account(self) -> dict[str, str]:
        """The environment of a client with the rights of the service."""
        return self._account("expenses_app", self.place.secrets / "expenses/database_password")

    def _account(self, role: str, secret: Path) -> dict[str, str]:
        target = {"PGHOST": HOST, "PGPORT": str(self.place.ports["postgres"]), "PGDATABASE": self.name}
        return target | {"PGUSER": role, "PGPASSWORD": secret.read_text().strip()}


def transactions(said: str) -> float:
    """Transactions a second, as pgbench tells at its end. Raises Failure when it could not do them."""
    if "number of transactions actually processed: 0" in said and "aborted" not in said:
        return 0.0
    found = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
    if found is None or "aborted" in said:
        raise Failure(f"pgbench failed:\n{said.strip()}")
    return float(found[1])
