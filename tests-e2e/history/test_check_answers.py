"""The check fails: each kind of wrong in reads, refusals, keys and entity tags is found as well."""

import pytest

from history.check import violations
from history.record import History
from history.story import Scenes, Story, Wrong, draft

scenes = Scenes()

# --- reads -----------------------------------------------------------------------------------------


@scenes.told_as("stale")
def a_list_without_what_was_acknowledged(story: Story) -> None:
    story.create("a")
    story.look([])


@scenes.told_as("stale")
def a_list_without_what_another_list_showed(story: Story) -> None:
    story.call("POST", "/expenses", body=draft("a"))
    story.write("created", "a", **draft("a"))
    story.look()
    story.look([])


@scenes.told_as("stale")
def an_old_expense(story: Story) -> None:
    before = story.create("a")
    story.patch("a", "m")
    story.call("GET", "/expenses/a", 200, before)


@scenes.told_as("stale")
def the_same_list_that_was_another(story: Story) -> None:
    story.create("a")
    story.look(tag="t")
    story.delete("a")
    story.same("t")


@scenes.told_as("stale")
def an_expense_that_is_not_there_yet(story: Story) -> None:
    story.create("a")
    story.refuse("GET", "/expenses/a", 404, "not_found")


@scenes.told_as("stale")
def changes_without_the_last(story: Story) -> None:
    story.create("a")
    feed = {"items": [], "next_since": 0, "has_more": False}
    story.call("GET", "/changes", 200, feed, query={"since": "0", "limit": "9"})


@scenes.told_as("order")
def a_list_with_what_was_asked_for_later(story: Story) -> None:
    story.create("a")
    story.look(at=(-2, -1))


@scenes.told_as("read")
def a_list_of_two_times(story: Story) -> None:
    before = story.create("a")
    story.patch("a", "m")
    other = story.create("b")
    story.look([before, other])


@scenes.told_as("read")
def a_summary_that_never_was(story: Story) -> None:
    story.create("a")
    total = {"currency": "EUR", "total": "3.00", "count": 1}
    document = {"groups": [{"key": {"category": "food"}, **total}], "totals": [total]}
    story.call("GET", "/expenses/summary", 200, document, query={"group_by": "category"})


# --- refusals and other answers --------------------------------------------------------------------


@scenes.told_as("refusal")
def a_conflict_of_versions_without_one(story: Story) -> None:
    story.create("a")
    told = {"version": 1, "if_match": '"1"', "body": {"notes": "m"}}
    story.refuse("PATCH", "/expenses/a", 412, "version_conflict", **told)


@scenes.told_as("refusal")
def a_conflict_with_a_version_that_is_not_yet(story: Story) -> None:
    story.create("a")
    told = {"version": 2, "if_match": '"3"', "body": {"notes": "m"}}
    story.refuse("PATCH", "/expenses/a", 412, "version_conflict", **told)
    story.patch("a", "n")


@scenes.told_as("refusal")
def a_live_one_that_is_not_found(story: Story) -> None:
    story.create("a")
    story.refuse("DELETE", "/expenses/a", 404, "not_found")


@scenes.told_as("refusal")
def a_name_that_is_taken_by_nobody(story: Story) -> None:
    body = draft("a", source="bank", external_id="1")
    story.refuse("POST", "/expenses", 409, "external_id_taken", body=body)


@scenes.told_as("refusal")
def a_key_that_is_at_work_for_nobody(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses", 201, document, body=draft("a"), key="k")
    told = {"body": draft("a"), "key": "k", "operation": 1}
    story.refuse("POST", "/expenses", 409, "idempotency_in_progress", **told)


@scenes.told_as("refusal")
def a_key_that_nobody_used(story: Story) -> None:
    story.refuse("POST", "/expenses", 422, "idempotency_key_reused", body=draft("a"), key="k")


@scenes.told_as("refusal")
def a_retry_that_is_refused_after_it_was_done(story: Story) -> None:
    body = draft("a", source="bank", external_id="1")
    document = story.write("created", "a", **body)
    story.call("POST", "/expenses", 201, document, body=body, key="k")
    story.refuse("POST", "/expenses", 409, "external_id_taken", body=body, key="k", operation=1)


@scenes.told_as("refusal")
def somebody_who_is_signed_out(story: Story) -> None:
    story.refuse("POST", "/expenses", 401, "token_expired", body=draft("a"))


@scenes.told_as("answer")
def a_reader_who_is_signed_out(story: Story) -> None:
    story.refuse("GET", "/expenses/a", 401, "token_expired")


@scenes.told_as("failed")
def an_error_of_ours(story: Story) -> None:
    story.call("POST", "/expenses", 500, {"code": "internal_error"}, body=draft("a"))


@scenes.told_as("answer")
def a_creation_that_is_told_as_a_change(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses", 200, document, body=draft("a"))


# --- keys ------------------------------------------------------------------------------------------


@scenes.told_as("key")
def a_retry_that_is_told_something_else(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses", 201, document, body=draft("a"), key="k")
    other = {**document, "amount": "9.00"}
    told = {"body": draft("a"), "key": "k", "operation": 1, "replayed": True}
    story.call("POST", "/expenses", 201, other, **told)


@scenes.told_as("key")
def a_retry_that_does_not_say_so(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    for _ in range(2):
        story.call("POST", "/expenses", 201, document, body=draft("a"), key="k", operation=1)


@scenes.told_as("key")
def a_key_for_something_else(story: Story) -> None:
    for name in ("a", "b"):
        document = story.write("created", name, **draft(name))
        story.call("POST", "/expenses", 201, document, body=draft(name), key="k")


# --- entity tags -----------------------------------------------------------------------------------


@scenes.told_as("tag")
def a_tag_of_two_contents(story: Story) -> None:
    story.create("a")
    story.look(tag="t")
    story.patch("a", "m")
    story.look(tag="t")


@scenes.told_as("tag")
def a_tag_that_is_not_the_version(story: Story) -> None:
    story.call("GET", "/expenses/a", 200, story.create("a"), etag='"2"')


@scenes.told_as("tag")
def a_write_whose_tag_is_not_its_version(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses", 201, document, body=draft("a"), etag='"2"')


@scenes.told_as("tag")
def a_tag_that_was_never_given(story: Story) -> None:
    story.same("t")


@scenes.told_as("tag")
def a_tag_of_two_users(story: Story) -> History:
    other, tag = Story("bob"), '"0123456789abcdef0123456789abcdef"'
    story.look([], tag=tag)
    other.look([], tag=tag)
    return History(story.calls + other.calls, [story.final(), other.final()])


@pytest.mark.parametrize(("scene", "kind"), scenes.all, ids=lambda each: getattr(each, "__name__", each))
def test_it_finds(scene: Wrong, kind: str) -> None:
    story = Story()
    history = scene(story) or story.history()
    found = violations(history)
    assert kind in {each.kind for each in found}, "\n".join(map(str, found))
