"""Why a migration failed; when it waited in vain for a table that others use, who they are."""

import re
from pathlib import Path

from infra.local.here import Here
from infra.local.parts import Place

SAID = "canceling statement due to lock timeout"  # Postgres's words, in what a migration leaves behind
# The end of a traceback, of which nobody needs the rest; Postgres's DETAIL, which follows, may quote a row.
ERROR = re.compile(r"^[\w.]*(?:Error|Exception|Violation)\w*(?:: .+)?$", re.MULTILINE)
# Who has a table of ours in a transaction, the longest first; the migration itself is gone.
HOLDERS = """
    SELECT format('process %s of %s, %s, for %s s', pid, usename, state,
                  extract(epoch FROM now() - xact_start)::int)
    FROM pg_stat_activity
    WHERE datname = current_database()
      AND pid IN (SELECT pid FROM pg_locks WHERE granted AND relation >= 16384)
    ORDER BY xact_start LIMIT 3
"""


def sentence(place: Place, service: str, database: str, log: Path) -> str:
    """What became of the migration that left `log`."""
    said = log.read_text(errors="replace")
    if SAID in said:
        return _holders(place, service, database)
    why = (ERROR.findall(said) or said.strip().splitlines() or ["it said nothing"])[-1]
    return f"The migration of {service} failed: {why}\nAll of it: {log}"


def _holders(place: Place, service: str, database: str) -> str:
    """For the person who has to decide whether to wait, or to end the other (pg_terminate_backend)."""
    holders = Here(place).postgres("psql", "-XAtqd", database, "-c", HOLDERS).strip().splitlines()
    now = f"Now at its tables: {'; '.join(holders)}." if holders else "Nobody holds one now."
    return (
        f"The migration of {service} could not have a table to itself, which others use, and changed nothing:"
        f" try again. {now}"
    )
