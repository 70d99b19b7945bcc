"""Histories that the contract allows have no violations, whatever became of what nobody was told."""

from collections.abc import Callable

import pytest

from history.check import violations
from history.story import Story, draft

Scene = Callable[[Story], object]


def a_life(story: Story) -> None:
    story.look([])
    first = story.create("a")
    story.call("GET", "/expenses/a", 200, first)
    story.patch("a", "m", if_match='"1"')
    story.look(tag="t")
    story.same("t")
    story.delete("a", if_match='"2"')
    story.refuse("GET", "/expenses/a", 404, "not_found")
    story.refuse("PATCH", "/expenses/a", 404, "not_found", body={"notes": "n"})
    story.call("POST", "/expenses/a/restore", 200, story.write("restored", "a"))
    story.refuse("DELETE", "/expenses/a", 412, "version_conflict", version=4, if_match='"2"')
    changes = story.final().changes
    feed = {"items": changes[1:3], "next_since": 3, "has_more": True}
    story.call("GET", "/changes", 200, feed, query={"since": "1", "limit": "2"})


def a_creation_without_an_answer_that_was_done(story: Story) -> None:
    story.call("POST", "/expenses", body=draft("a"))
    story.write("created", "a", **draft("a"))
    story.look()


def one_that_was_not(story: Story) -> None:
    story.call("POST", "/expenses", 503, {"code": "unavailable"}, body=draft("a"))
    story.look([])


def one_that_was_done_later_than_it_was_waited_for(story: Story) -> None:
    story.call("POST", "/expenses", body=draft("a"))
    story.look([])
    story.write("created", "a", **draft("a"))
    story.look()


def a_retry_that_is_told_the_first_answer(story: Story) -> None:
    story.call("POST", "/expenses", body=draft("a"), key="k")
    document = story.write("created", "a", **draft("a"))
    story.look()
    story.call("POST", "/expenses", 201, document, body=draft("a"), key="k", operation=1, replayed=True)


def a_retry_while_the_first_is_at_work(story: Story) -> None:
    body = draft("a")
    story.refuse("POST", "/expenses", 409, "idempotency_in_progress", body=body, key="k", at=(0.1, 0.2))
    document = story.write("created", "a", **body)
    story.call("POST", "/expenses", 201, document, body=body, key="k", at=(0, 1), operation=1)
    story.refuse("POST", "/expenses", 422, "idempotency_key_reused", body=draft("b"), key="k", at=(2, 3))


def a_request_without_a_body_that_the_gateway_sent_again(story: Story) -> None:
    story.create("a")
    story.delete("a")
    path = "/expenses/a/restore"
    story.refuse("POST", path, 409, "idempotency_in_progress", key="k")
    document = story.write("restored", "a")
    story.call("POST", path, 200, document, key="k", operation=3, replayed=True)


def a_patch_that_is_told_by_its_conflict(story: Story) -> None:
    story.create("a")
    story.call("PATCH", "/expenses/a", body={"notes": "m"}, if_match='"1"')
    story.write("updated", "a", notes="m")
    told = {"body": {"notes": "m"}, "if_match": '"1"', "operation": 2}
    story.refuse("PATCH", "/expenses/a", 412, "version_conflict", version=2, **told)


def a_deletion_that_is_told_by_its_absence(story: Story) -> None:
    story.create("a")
    story.call("DELETE", "/expenses/a", if_match='"1"')
    story.write("deleted", "a")
    story.refuse("DELETE", "/expenses/a", 404, "not_found", if_match='"1"', operation=2)


def two_deletions_of_which_nobody_was_told(story: Story) -> None:
    story.create("a")
    story.call("DELETE", "/expenses/a")
    story.call("DELETE", "/expenses/a")
    story.write("deleted", "a")
    story.call("POST", "/expenses/a/restore", 200, story.write("restored", "a"))
    story.write("deleted", "a")
    story.look([])


def reads_at_the_time_of_a_write_see_either(story: Story) -> None:
    before = story.create("a")
    story.patch("a", "m", at=(10, 20))
    story.look([before], at=(11, 12))
    story.look(at=(13, 14))


def refusals_at_the_time_of_a_write(story: Story) -> None:
    story.create("a", source="bank", external_id="1")
    story.delete("a", at=(10, 20))
    story.refuse("PATCH", "/expenses/a", 404, "not_found", body={"notes": "n"}, at=(9, 11))
    path = "/expenses/by-external/bank/1"
    story.refuse("PUT", path, 409, "deleted", body=draft("b"), at=(21, 22))
    other = draft("c", source="bank", external_id="1")
    story.refuse("POST", "/expenses", 409, "external_id_taken", body=other, at=(23, 24))


def a_put_that_creates_changes_and_revives(story: Story) -> None:
    path, name = "/expenses/by-external/bank/1", {"source": "bank", "external_id": "1"}
    story.call("PUT", path, 201, story.write("created", "a", **draft("a"), **name), body=draft("a"))
    story.call("PUT", path, 200, story.documents[-1], body=draft("a"))
    story.delete("a")
    revived = story.write("restored", "a", **draft("b"))
    story.call("PUT", path, 200, revived, body=draft("b"), query={"revive": "true"})


def bulk(mode: str) -> dict[str, object]:
    """A creation and a deletion of version 1."""
    operations = [{"op": "create", "expense": draft("b")}, {"op": "delete", "id": "a", "version": 1}]
    return {"mode": mode, "operations": operations}


def result(status: int, expense: object = None) -> dict[str, object]:
    return {"status": status, "expense": expense}


def bulk_requests(story: Story) -> None:
    story.create("a")
    made = story.write("created", "b", **draft("b"))
    story.write("deleted", "a")
    told = {"results": [result(201, made), result(204)]}
    story.call("POST", "/expenses/bulk", 200, told, body=bulk("atomic"))
    story.refuse("POST", "/expenses/bulk", 422, "validation_error", body=again(bulk("atomic")))


def again(body: dict[str, object]) -> dict[str, object]:
    """The same with another mark."""
    operations = [{"op": "create", "expense": draft("c")}, {"op": "delete", "id": "a", "version": 1}]
    return {**body, "operations": operations}


def half_a_partial_bulk_request(story: Story) -> None:
    story.create("a")
    story.delete("a")
    story.write("created", "b", **draft("b"))
    story.call("POST", "/expenses/bulk", body=bulk("partial"))


SCENES: list[Scene] = [
    a_life,
    a_creation_without_an_answer_that_was_done,
    one_that_was_not,
    one_that_was_done_later_than_it_was_waited_for,
    a_retry_that_is_told_the_first_answer,
    a_retry_while_the_first_is_at_work,
    a_request_without_a_body_that_the_gateway_sent_again,
    a_patch_that_is_told_by_its_conflict,
    a_deletion_that_is_told_by_its_absence,
    two_deletions_of_which_nobody_was_told,
    reads_at_the_time_of_a_write_see_either,
    refusals_at_the_time_of_a_write,
    a_put_that_creates_changes_and_revives,
    bulk_requests,
    half_a_partial_bulk_request,
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_nothing_is_wrong_with(scene: Scene) -> None:
    story = Story()
    scene(story)
    assert violations(story.history()) == []
