"""Gives the demonstration's user six months of expenses, through the public API alone.

    seed.py --auth URL --expenses URL      (both may be the gateway's)

Every expense has the source "demo" and an external id that depends on its day, so that a second run
adds nothing, and a run after one that broke off adds what is missing. Standard library only.
"""

import argparse
import http.client
import json
import random
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

EMAIL = "demo@example.com"
PASSWORD = "plum-orbit-velvet-42"  # of a demonstration's user, told to everybody
DAYS = 183
TIMEOUT_SECONDS = 30

# category, description, merchant, currency, least and most in minor units, payment method, tags
HABITS: tuple[tuple[str, str, str, str, int, int, str, list[str]], ...] = (
    ("groceries", "Weekly shopping", "Corner Market", "EUR", 1800, 9500, "card", ["home"]),
    ("food", "Lunch", "Café Linde", "EUR", 900, 2400, "card", []),
    ("food", "Dinner with friends", "Trattoria Sole", "EUR", 2500, 8000, "card", ["friends"]),
    ("transport", "Train ticket", "Railways", "EUR", 450, 5900, "wallet", ["commute"]),
    ("leisure", "Cinema", "Star Cinema", "EUR", 900, 1600, "cash", ["friends"]),
    ("health", "Pharmacy", "City Pharmacy", "EUR", 500, 4500, "card", []),
    ("travel", "Hotel", "Hotel Sakura", "JPY", 8000, 24000, "card", ["trip-japan"]),
    ("food", "Ramen", "Ichiban", "JPY", 850, 1900, "cash", ["trip-japan"]),
    ("work", "Cloud server", "Hosting Inc.", "USD", 1200, 6400, "card", ["business"]),
    ("education", "Online course", "Learnery", "USD", 1500, 9900, "card", ["business"]),
)
EXPONENTS = {"EUR": 2, "USD": 2, "JPY": 0}


class Failed(Exception):
    """The API answered something that it should not."""


class Left(Exception):
    """The demonstration's account cannot be used, which is no defect; the message is for the operator."""


@dataclass
class Client:
    """A very small HTTP client that keeps cookies and connections."""

    base: str
    cookies: dict[str, str] = field(default_factory=dict)
    _connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: object, **headers: str) -> tuple[int, dict[str, object]]:
        """Status and document of the answer."""
        parts = urlsplit(self.base)
        if self._connection is None:
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            self._connection = kind(parts.netloc, timeout=TIMEOUT_SECONDS)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        fields = {"Content-Type": "application/json", **headers} | ({"Cookie": cookie} if cookie else {})
        self._connection.request("POST", path, json.dumps(body), fields)
        response = self._connection.getresponse()
        content = response.read()
        for line in response.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response.status, json.loads(content) if content else {}

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def amount(minor_units: int, currency: str) -> str:
    """As the API takes it: `1250` of EUR is `12.50`."""
    exponent = EXPONENTS[currency]
    if exponent == 0:
        return str(minor_units)
    whole, part = divmod(minor_units, 10**exponent)
    return f"{whole}.{part:0{exponent}d}"


def expenses(today: date) -> Iterator[dict[str, object]]:
    """Half a year of them up to `today`; the same for the same day, whenever it is asked."""
    for back in range(DAYS, -1, -1):
        day = today - timedelta(days=back)
        chance = random.Random(day.toordinal())  # noqa: S311 - the same every time, no secret
        if day.day == 1:
            yield expense(day, "rent", "housing", "Rent", "Landlord", "EUR", 98000, "bank_transfer", [])
        for number in range(chance.randint(0, 3)):
            category, text, merchant, currency, least, most, method, tags = chance.choice(HABITS)
            cost = chance.randint(least, most)
            yield expense(day, str(number), category, text, merchant, currency, cost, method, tags)
            if chance.random() < 0.06:  # noqa: PLR2004 - now and then something is given back
                back_text = f"{text}, refunded"
                yield expense(day, f"{number}-refund", category, back_text, merchant, currency,
                              cost // 2, method, tags, kind="refund")  # fmt: skip


def expense(
    day: date, number: str, category: str, description: str, merchant: str, currency: str,
    cost: int, method: str, tags: list[str], kind: str = "expense",
) -> dict[str, object]:  # fmt: skip
    """The body of one `POST /expenses`."""
    return {
        "kind": kind,
        "amount": amount(cost, currency),
        "currency": currency,
        "spent_on": day.isoformat(),
        "description": description,
        "merchant": merchant,
        "category": category,
        "tags": tags,
        "payment_method": method,
        "source": "demo",
        "external_id": f"{day.isoformat()}-{number}",
    }


def sign_in(auth_url: str) -> str:
    """The access token of the demonstration's user, who is made if absent."""
    form = {"email": EMAIL, "password": PASSWORD}
    with closing(Client(auth_url)) as client:
        made, answer = client.post("/api/v1/auth/register", form | {"name": "Demo"})
        if made not in {201, 409}:
            raise Failed(f"registration answered {made}: {answer}")
        status, answer = client.post("/api/v1/auth/login", form)
    if made == 409 and status == 429:  # noqa: PLR2004 - Conflict, Too Many Requests
        raise Left(f"Too many have tried to sign in as {EMAIL}, which is left as it is: try again later.")
    if made == 409 and status in {401, 403}:  # noqa: PLR2004 - Conflict
        raise Left(f"The demo login does not work ({answer.get('code')}): {EMAIL} is left as it is.")
    if status != 200:  # noqa: PLR2004 - OK
        raise Failed(f"login answered {status}: {answer}")
    return next(value for name, value in client.cookies.items() if name.endswith("ea_access"))


def seed(auth_url: str, expenses_url: str, today: date) -> tuple[int, int]:
    """How many expenses were added, and how many were there."""
    bearer = {"Authorization": f"Bearer {sign_in(auth_url)}"}
    added = there = 0
    with closing(Client(expenses_url)) as client:
        for body in expenses(today):
            status, answer = client.post("/api/v1/expenses", body, **bearer)
            if status == 201:  # noqa: PLR2004 - Created
                added += 1
            elif status == 409 and answer.get("code") == "external_id_taken":  # noqa: PLR2004 - Conflict
                there += 1
            else:
                raise Failed(f"POST /expenses answered {status}: {answer}")
    return added, there


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--auth", required=True, help="base URL of auth, or of the gateway")
    parser.add_argument("--expenses", required=True, help="base URL of expenses, or of the gateway")
    parser.add_argument("--quiet", action="store_true", help="of a start: says only what is unusual, goes on")
    arguments = parser.parse_args()
    try:
        added, there = seed(arguments.auth, arguments.expenses, datetime.now(UTC).date())
    except (Failed, OSError, http.client.HTTPException) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except Left as left:
        print(left, file=sys.stdout if arguments.quiet else sys.stderr)
        return 0 if arguments.quiet else 1
    if not arguments.quiet:
        print(f"demo: {added} expenses added, {there} were there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
