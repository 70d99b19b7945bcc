"""People at a fixed arrival rate: they register, sign in, record, edit, import, list, sum up, sign out.

Each of Locust's users begins a visit every `PACE_SECONDS`, however long the answers take (up to that):
with RATE * PACE_SECONDS users, RATE people arrive each second. Some of them are new, the others come back.
"""

import csv
import io
import random
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from locust import FastHttpUser, constant_pacing, task
from locust.exception import RescheduleTask

PACE_SECONDS = 10
NEWCOMERS = 0.4
REFRESH_BEFORE_SECONDS = 60
AUTH, EXPENSES = "/api/v1/auth", "/api/v1/expenses"
PASSWORD = "a walk in the park, 1987"
CATEGORIES = ("food", "groceries", "transport", "leisure", "travel")
COLUMNS = ("amount", "currency", "spent_on", "description", "category", "source", "external_id")
SUMS = ("category", "month", "category,month", "day")


class Person(FastHttpUser):
    """Visit after visit, each signed in anew."""

    wait_time = constant_pacing(PACE_SECONDS)
    network_timeout = 20.0
    connection_timeout = 20.0
    email = ""
    access_ends = 0.0

    @task
    def visit(self) -> None:
        """What somebody does in a visit, then they are gone."""
        self.arrive()
        made = [self.record() for _ in range(random.randint(2, 5))]
        self.look_for(made[-1])
        self.walk_pages()
        self.edit(random.choice(made))
        self.read(f"{EXPENSES}?category=food,travel&currency=EUR&min_amount=5", "list filtered")
        if random.random() < 0.3:
            self.bring_a_file()
        for query in random.sample(SUMS, 2):
            self.read(f"{EXPENSES}/summary?group_by={query}", "summary")
        self.refresh()  # as a page does that is loaded again
        self.read(f"{AUTH}/me", "me")
        self.write("DELETE", f"{EXPENSES}/{made[0]['id']}", "delete")
        self.ask("POST", f"{AUTH}/logout", "write: sign out")

    # --- coming and staying ------------------------------------------------------------------------

    def arrive(self) -> None:
        """Sign in, with no cookies yet; whoever is new registers first."""
        self.client.cookiejar.clear()
        if not self.email or random.random() < NEWCOMERS:
            self.email = f"load-{secrets.token_hex(8)}@example.com"
            self.ask("POST", f"{AUTH}/register", "write: register", json=self.form())
        self.keep_access(self.ask("POST", f"{AUTH}/login", "write: sign in", json=self.form()))

    def form(self) -> dict[str, str]:
        """What they type."""
        return {"email": self.email, "password": PASSWORD}

    def refresh(self) -> None:
        """A new access token."""
        self.keep_access(self.ask("POST", f"{AUTH}/refresh", "write: refresh"))

    def keep_access(self, answer: dict[str, Any]) -> None:
        """Remember when the access token ends."""
        self.access_ends = datetime.fromisoformat(answer["access_expires_at"]).timestamp()

    def stay_signed_in(self) -> None:
        """Refresh before the access token ends, as a client does that stays."""
        if self.access_ends - time.time() < REFRESH_BEFORE_SECONDS:
            self.refresh()

    # --- what they do ------------------------------------------------------------------------------

    def record(self) -> dict[str, Any]:
        """One expense, as from a telephone that may send it twice."""
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        return self.write("POST", EXPENSES, "record", json=self.something_bought(), headers=headers)

    def something_bought(self) -> dict[str, str]:
        """Within half a year."""
        day = datetime.now(UTC).date() - timedelta(days=random.randint(0, 180))
        return {
            "amount": f"{random.randint(1, 20000) / 100:.2f}",
            "currency": random.choice(("EUR", "USD")),
            "description": "Something bought",
            "category": random.choice(CATEGORIES),
            "spent_on": day.isoformat(),
        }

    def look_for(self, made: dict[str, Any]) -> None:
        """What was recorded last comes first: a list that is stale has failed."""
        self.stay_signed_in()
        path = f"{EXPENSES}?sort=-created_at&limit=5"
        with self.client.get(path, name="read: list", catch_response=True) as answer:
            if answer.status_code == 200 and answer.json()["items"][0]["id"] != made["id"]:
                answer.failure("stale: the expense that was recorded last is not there")

    def edit(self, expense: dict[str, Any]) -> None:
        """Change the amount, if nobody else did meanwhile."""
        headers = {"If-Match": f'"{expense["version"]}"'}
        path = f"{EXPENSES}/{expense['id']}"
        self.write("PATCH", path, "edit", json={"amount": "5.00"}, headers=headers)

    def bring_a_file(self) -> None:
        """What a bank gives out at the end of a month."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        for _ in range(random.randint(20, 60)):
            writer.writerow(self.something_bought() | {"source": "bank", "external_id": secrets.token_hex(8)})
        headers = {"Content-Type": "text/csv"}
        self.write("POST", f"{EXPENSES}/import", "import", data=text.getvalue(), headers=headers)

    def walk_pages(self) -> None:
        """To the end of the list, but no further than somebody looks."""
        cursor, pages = self.read(f"{EXPENSES}?limit=5", "page")["next_cursor"], 1
        while cursor is not None and pages < 6:
            cursor = self.read(f"{EXPENSES}?limit=5&cursor={cursor}", "page")["next_cursor"]
            pages += 1

    # --- requests ----------------------------------------------------------------------------------

    def read(self, path: str, name: str) -> dict[str, Any]:
        """One read of a document."""
        self.stay_signed_in()
        return self.ask("GET", path, f"read: {name}")

    def write(self, method: str, path: str, name: str, **content: Any) -> dict[str, Any]:
        """One write; what it answered, empty for no content."""
        self.stay_signed_in()
        return self.ask(method, path, f"write: {name}", **content)

    def ask(self, method: str, path: str, name: str, **content: Any) -> dict[str, Any]:
        """One request; where it fails, which Locust counts, the visit is over."""
        answer = self.client.request(method, path, name=name, **content)
        if not 200 <= answer.status_code < 300:
            raise RescheduleTask
        body: dict[str, Any] = answer.json() if answer.text else {}
        return body
