"""People at a fixed arrival rate: they register, sign in, record, edit, list, filter, sum up, sign out.

Each of Locust's users begins a visit, as a new person, every `PACE_SECONDS`, however long the answers take
(up to that): with RATE * PACE_SECONDS users, RATE people arrive each second.
"""

import random
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from locust import FastHttpUser, constant_pacing, task

PACE_SECONDS = 10
AUTH, EXPENSES = "/api/v1/auth", "/api/v1/expenses"
PASSWORD = "a walk in the park, 1987"
CATEGORIES = ("food", "groceries", "transport", "leisure", "travel")


class Person(FastHttpUser):
    """Visit after visit, each of somebody new."""

    wait_time = constant_pacing(PACE_SECONDS)
    network_timeout = 20.0
    connection_timeout = 20.0

    def arrive(self) -> None:
        """Register and sign in, as somebody with no cookies yet."""
        self.client.cookiejar.clear()
        form = {"email": f"load-{secrets.token_hex(8)}@example.com", "password": PASSWORD}
        self.client.post(f"{AUTH}/register", json=form, name="write: register")
        self.client.post(f"{AUTH}/login", json=form, name="write: sign in")

    @task
    def visit(self) -> None:
        """What somebody does in a visit, then they are gone."""
        self.arrive()
        made = [self.record() for _ in range(random.randint(2, 5))]
        self.read(f"{EXPENSES}?limit=2", "list")
        self.walk_pages()
        self.edit(random.choice(made))
        self.read(f"{EXPENSES}?category=food,travel&currency=EUR", "list filtered")
        for query in ("category", "month", "category,month"):
            self.read(f"{EXPENSES}/summary?group_by={query}", "summary")
        self.client.post(f"{AUTH}/refresh", name="write: refresh")
        self.read(f"{AUTH}/me", "me")
        self.read(EXPENSES, "list")
        self.client.delete(f"{EXPENSES}/{made[0]['id']}", name="write: delete")
        self.client.post(f"{AUTH}/logout", name="write: sign out")

    def record(self) -> dict[str, Any]:
        """One expense, as from a telephone that may send it twice."""
        day = datetime.now(UTC).date() - timedelta(days=random.randint(0, 180))
        body = {
            "amount": f"{random.randint(1, 20000) / 100:.2f}",
            "currency": random.choice(("EUR", "USD")),
            "description": "Something bought",
            "category": random.choice(CATEGORIES),
            "spent_on": day.isoformat(),
        }
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        answer = self.client.post(EXPENSES, json=body, headers=headers, name="write: record")
        expense: dict[str, Any] = answer.json()
        return expense

    def edit(self, expense: dict[str, Any]) -> None:
        """Change the amount, if nobody else did meanwhile."""
        headers = {"If-Match": f'"{expense["version"]}"'}
        path = f"{EXPENSES}/{expense['id']}"
        self.client.patch(path, json={"amount": "5.00"}, headers=headers, name="write: edit")

    def read(self, path: str, name: str) -> dict[str, Any]:
        """One read of a document."""
        answer = self.client.get(path, name=f"read: {name}")
        body: dict[str, Any] = answer.json()
        return body

    def walk_pages(self) -> None:
        """To the end of the list, two at a time."""
        cursor = self.read(f"{EXPENSES}?limit=2", "page")["next_cursor"]
        while cursor is not None:
            cursor = self.read(f"{EXPENSES}?limit=2&cursor={cursor}", "page")["next_cursor"]
