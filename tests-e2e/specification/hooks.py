"""What schemathesis cannot know of this product; loaded by it (SCHEMATHESIS_HOOKS)."""

import csv
import io
import json
import re
from typing import Any

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, MalformedJson
from schemathesis.openapi.checks import MissingContentType, UseAfterFree

REFUSED_IN_PATHS = re.compile("%(00|23|25|2F|3B|3F|5C)", re.IGNORECASE)

# Codes with which requests may be refused though they are as the specification says, since no schema can
# tell what decides: the rest of the request, what the caller has, or what was there before.
REASONS = {
    "amount_range": "digits count in the minor units of the currency beside the amount",
    "amount_scale": "the decimals of the currency beside the amount",
    "currency_required": "amounts compare in one currency, which is another parameter",
    "external_id_taken": "many writes in one: which names are taken",
    "idempotency_key_reused": "a key stands for the first body that came with it",
    "incomplete_external_id": "a patch joins what it says with what is there",
    "invalid_cursor": "only what was handed out is a cursor",
    "invalid_email": "addresses are longer a story than a format tells",
    "invalid_fill": "needs other parameters",
    "not_found": "many writes in one: which expenses are there",
    "not_in_future": "what the time is",
    "no_words": "letters and digits of all scripts, which the common dialect of patterns cannot name",
    "not_as_in_path": "the names of an upsert are in its path already",
    "resync_required": "a number that the log has not reached",
    "too_long": "a patch joins what it says with what is there",
    "too_late": "what the time is",
    "slug_required": "a name without a letter that ASCII has",
    "unknown_category": "which categories the caller has",
    "unknown_time_zone": "which names the time zone database has, and that changes with each release of it",
    "version_conflict": "a version that is not the present one",
    "weak_password": "which passwords have leaked",
}


# What a file must hold, the schema of a text cannot tell: such a one may be refused for whatever is in it.
FILES = frozenset({"expenses_import"})


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context: Any, value: Any) -> bytes:
    """As it is, when it is text, and no text when it is none; schemathesis knows the other type, CSV."""
    return value.encode(errors="replace") if isinstance(value, str) else b"\xff"


def as_file(text: str, media_type: str) -> str:
    """An expense for each line of `text`, which describes it."""
    rows = [{"amount": "12.50", "currency": "EUR", "description": line} for line in text.splitlines()]
    if media_type == "application/x-ndjson":
        return "".join(f"{json.dumps(row)}\n" for row in rows)
    file = io.StringIO()
    writer = csv.DictWriter(file, ["amount", "currency", "description"])
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


@schemathesis.hook
def map_case(_context: Any, case: Any) -> Any:
    """The coverage phase makes no text with quotes for a header, and sends `0` whatever the pattern says.

    Random text is no file, so that it would never be taken; what has a row already is an example.
    """
    if case.headers and case.headers.get("If-Match") == "0":
        case.headers["If-Match"] = "*"
    if operation_of(case) in FILES and isinstance(case.body, str) and "currency" not in case.body:
        case.body = as_file(case.body, case.media_type)
    return case


def operation_of(case: Any) -> str:
    """Its operationId."""
    name: str = case.operation.definition.raw["operationId"]
    return name


@schemathesis.hook
def filter_failure(_context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether it is one; no other check, operation or answer is passed over."""
    if isinstance(failure, UseAfterFree):
        # The history of an expense outlives it; everything else of what was deleted is 404.
        return operation_of(case) != "expenses_history"
    if isinstance(failure, MissingContentType | MalformedJson) and response.status_code == 400:
        # The gateway's refusal of such a path has no body, and no service has seen the request.
        return bool(response.content) or not REFUSED_IN_PATHS.search(case.formatted_path)
    if isinstance(failure, AcceptedNegativeData) and isinstance(case.body, dict):
        # Such a request answers for each operation apart, also for one that is not valid.
        return not (operation_of(case) == "expenses_bulk" and case.body.get("mode") == "partial")
    return True


@schemathesis.check
def only_for_a_reason(_ctx: Any, response: Any, case: Any) -> None:
    """A valid request is refused with one of REASONS only."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code in {400, 410, 412, 422} and operation_of(case) not in FILES:
        kind = response.headers.get("content-type", ["none"])[0]
        assert kind == "application/problem+json", f"refused on its way to the service, with content {kind}"
        document = response.json()
        codes = {error["code"] for error in document["errors"]} or {document["code"]}
        assert codes <= REASONS.keys(), f"refused for {sorted(codes - REASONS.keys())}: {document['detail']}"
