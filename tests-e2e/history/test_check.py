"""The check fails: each kind of wrong is found in a history that has it, under its name."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from history.check import main, violations
from history.record import History, Record, load
from history.story import Story, draft

Wrong = Callable[[Story], History | None]
SCENES: list[tuple[Wrong, str]] = []


def is_told_as(kind: str) -> Callable[[Wrong], Wrong]:
    """A scene that has this kind of violation."""

    def add(scene: Wrong) -> Wrong:
        SCENES.append((scene, kind))
        return scene

    return add


# --- the log and what is read at the end -----------------------------------------------------------


@is_told_as("gap")
def a_number_that_is_missing(story: Story) -> None:
    story.create("a")
    story.create("b")
    story.log[1]["seq"] = 3


@is_told_as("version")
def a_version_that_is_missing(story: Story) -> None:
    story.create("a")
    story.documents[0]["version"] = 2


@is_told_as("version")
def a_change_of_what_is_deleted(story: Story) -> None:
    story.create("a")
    story.delete("a")
    story.patch("a", "m")


@is_told_as("history")
def a_history_without_its_last_version(story: Story) -> History:
    story.create("a")
    story.patch("a", "m")
    final = story.final()
    return History(story.calls, [replace(final, histories={"a": final.histories["a"][:1]})])


@is_told_as("list")
def a_list_without_an_expense(story: Story) -> History:
    story.create("a")
    return story.history(items=[])


@is_told_as("list")
def a_list_with_one_twice(story: Story) -> History:
    return story.history(items=[story.create("a")] * 2)


@is_told_as("sum")
def a_sum_that_is_off(story: Story) -> History:
    story.create("a")
    total = {"currency": "EUR", "total": "2.00", "count": 1}
    group = {"key": {"category": "food"}, **total}
    return story.history(summaries={"category": {"groups": [group], "totals": [total]}})


# --- writes ----------------------------------------------------------------------------------------


@is_told_as("lost")
def a_creation_that_is_gone(story: Story) -> None:
    story.create("a")
    story.log.clear()
    story.documents.clear()


@is_told_as("lost")
def a_deletion_that_is_gone(story: Story) -> None:
    story.create("a")
    story.call("DELETE", "/expenses/a", 204)


@is_told_as("lost")
def a_deletion_where_two_were_acknowledged(story: Story) -> None:
    story.create("a")
    story.delete("a", at=(1, 3))
    story.call("DELETE", "/expenses/a", 204, at=(1, 3))


@is_told_as("lost")
def a_change_that_is_gone(story: Story) -> None:
    made = story.create("a")
    told = {**made, "notes": "m", "version": 2}
    story.call("PATCH", "/expenses/a", 200, told, body={"notes": "m"})


@is_told_as("lost")
def a_restoration_that_is_gone(story: Story) -> None:
    made = story.create("a")
    story.delete("a")
    story.call("POST", "/expenses/a/restore", 200, {**made, "version": 3})


@is_told_as("twice")
def a_creation_that_is_there_twice(story: Story) -> None:
    story.create("a")
    story.write("created", "b", **draft("a"))


@is_told_as("twice")
def a_retry_with_its_key_that_did_it_again(story: Story) -> None:
    for name in ("a", "b"):
        document = story.write("created", name, **draft("a"))
        story.call("POST", "/expenses", 201, document, body=draft("a"), key="k", operation=1)


@is_told_as("twice")
def a_retry_of_a_patch_that_did_it_again(story: Story) -> None:
    story.create("a")
    story.call("PATCH", "/expenses/a", body={"notes": "m"}, if_match='"1"')
    story.write("updated", "a", notes="m")
    story.write("updated", "a", notes="m")


@is_told_as("unasked")
def a_deletion_that_nobody_asked_for(story: Story) -> None:
    story.create("a")
    story.write("deleted", "a")


@is_told_as("unasked")
def a_deletion_without_an_answer_that_was_done_twice(story: Story) -> None:
    story.create("a")
    story.call("DELETE", "/expenses/a")
    story.write("deleted", "a")
    story.call("POST", "/expenses/a/restore", 200, story.write("restored", "a"))
    story.write("deleted", "a")


@is_told_as("refused")
def a_creation_that_was_refused(story: Story) -> None:
    story.write("created", "a", **draft("a"))
    story.refuse("POST", "/expenses", 422, "validation_error", body=draft("a"))


@is_told_as("content")
def a_change_that_undoes_another(story: Story) -> None:
    story.create("a")
    story.patch("a", "m", amount="5.00")
    story.write("updated", "a", notes="n", amount="1.00")
    told = {"body": {"notes": "n", "category": "food"}}
    story.call("PATCH", "/expenses/a", 200, story.documents[-1], **told)


@is_told_as("content")
def an_answer_with_another_content(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses", 201, {**document, "amount": "9.00"}, body=draft("a"))


@is_told_as("content")
def half_a_bulk_request(story: Story) -> None:
    operations = [{"op": "create", "expense": draft(name)} for name in ("a", "b")]
    story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses/bulk", body={"operations": operations})


@is_told_as("content")
def a_condition_that_was_not_looked_at(story: Story) -> None:
    story.create("a")
    story.patch("a", "m")
    story.patch("a", "n", if_match='"1"')


@is_told_as("order")
def a_write_before_one_that_was_acknowledged(story: Story) -> None:
    late = story.write("created", "b", **draft("b"))
    story.create("a")
    story.call("POST", "/expenses", 201, late, body=draft("b"))


# --- reads -----------------------------------------------------------------------------------------


@is_told_as("stale")
def a_list_without_what_was_acknowledged(story: Story) -> None:
    story.create("a")
    story.look([])


@is_told_as("stale")
def a_list_without_what_another_list_showed(story: Story) -> None:
    story.call("POST", "/expenses", body=draft("a"))
    story.write("created", "a", **draft("a"))
    story.look()
    story.look([])


@is_told_as("stale")
def an_old_expense(story: Story) -> None:
    before = story.create("a")
    story.patch("a", "m")
    story.call("GET", "/expenses/a", 200, before)


@is_told_as("stale")
def the_same_list_that_was_another(story: Story) -> None:
    story.create("a")
    story.look(tag="t")
    story.delete("a")
    story.same("t")


@is_told_as("stale")
def an_expense_that_is_not_there_yet(story: Story) -> None:
    story.create("a")
    story.refuse("GET", "/expenses/a", 404, "not_found")


@is_told_as("stale")
def changes_without_the_last(story: Story) -> None:
    story.create("a")
    feed = {"items": [], "next_since": 0, "has_more": False}
    story.call("GET", "/changes", 200, feed, query={"since": "0", "limit": "9"})


@is_told_as("order")
def a_list_with_what_was_asked_for_later(story: Story) -> None:
    story.create("a")
    story.look(at=(-2, -1))


@is_told_as("read")
def a_list_of_two_times(story: Story) -> None:
    before = story.create("a")
    story.patch("a", "m")
    other = story.create("b")
    story.look([before, other])


@is_told_as("read")
def a_summary_that_never_was(story: Story) -> None:
    story.create("a")
    total = {"currency": "EUR", "total": "3.00", "count": 1}
    document = {"groups": [{"key": {"category": "food"}, **total}], "totals": [total]}
    story.call("GET", "/expenses/summary", 200, document, query={"group_by": "category"})


# --- refusals and other answers --------------------------------------------------------------------


@is_told_as("refusal")
def a_conflict_of_versions_without_one(story: Story) -> None:
    story.create("a")
    told = {"version": 1, "if_match": '"1"', "body": {"notes": "m"}}
    story.refuse("PATCH", "/expenses/a", 412, "version_conflict", **told)


@is_told_as("refusal")
def a_conflict_with_a_version_that_is_not_yet(story: Story) -> None:
    story.create("a")
    told = {"version": 2, "if_match": '"3"', "body": {"notes": "m"}}
    story.refuse("PATCH", "/expenses/a", 412, "version_conflict", **told)
    story.patch("a", "n")


@is_told_as("refusal")
def a_live_one_that_is_not_found(story: Story) -> None:
    story.create("a")
    story.refuse("DELETE", "/expenses/a", 404, "not_found")


@is_told_as("refusal")
def a_name_that_is_taken_by_nobody(story: Story) -> None:
    body = draft("a", source="bank", external_id="1")
    story.refuse("POST", "/expenses", 409, "external_id_taken", body=body)


@is_told_as("refusal")
def a_key_that_is_at_work_for_nobody(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses", 201, document, body=draft("a"), key="k")
    told = {"body": draft("a"), "key": "k", "operation": 1}
    story.refuse("POST", "/expenses", 409, "idempotency_in_progress", **told)


@is_told_as("refusal")
def a_key_that_nobody_used(story: Story) -> None:
    story.refuse("POST", "/expenses", 422, "idempotency_key_reused", body=draft("a"), key="k")


@is_told_as("refusal")
def a_retry_that_is_refused_after_it_was_done(story: Story) -> None:
    body = draft("a", source="bank", external_id="1")
    document = story.write("created", "a", **body)
    story.call("POST", "/expenses", 201, document, body=body, key="k")
    story.refuse("POST", "/expenses", 409, "external_id_taken", body=body, key="k", operation=1)


@is_told_as("refusal")
def somebody_who_is_signed_out(story: Story) -> None:
    story.refuse("POST", "/expenses", 401, "token_expired", body=draft("a"))


@is_told_as("answer")
def a_reader_who_is_signed_out(story: Story) -> None:
    story.refuse("GET", "/expenses/a", 401, "token_expired")


@is_told_as("failed")
def an_error_of_ours(story: Story) -> None:
    story.call("POST", "/expenses", 500, {"code": "internal_error"}, body=draft("a"))


@is_told_as("answer")
def a_creation_that_is_told_as_a_change(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses", 200, document, body=draft("a"))


# --- keys ------------------------------------------------------------------------------------------


@is_told_as("key")
def a_retry_that_is_told_something_else(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses", 201, document, body=draft("a"), key="k")
    other = {**document, "amount": "9.00"}
    told = {"body": draft("a"), "key": "k", "operation": 1, "replayed": True}
    story.call("POST", "/expenses", 201, other, **told)


@is_told_as("key")
def a_retry_that_does_not_say_so(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    for _ in range(2):
        story.call("POST", "/expenses", 201, document, body=draft("a"), key="k", operation=1)


@is_told_as("key")
def a_key_for_something_else(story: Story) -> None:
    for name in ("a", "b"):
        document = story.write("created", name, **draft(name))
        story.call("POST", "/expenses", 201, document, body=draft(name), key="k")


# --- entity tags -----------------------------------------------------------------------------------


@is_told_as("tag")
def a_tag_of_two_contents(story: Story) -> None:
    story.create("a")
    story.look(tag="t")
    story.patch("a", "m")
    story.look(tag="t")


@is_told_as("tag")
def a_tag_that_is_not_the_version(story: Story) -> None:
    story.call("GET", "/expenses/a", 200, story.create("a"), etag='"2"')


@is_told_as("tag")
def a_write_whose_tag_is_not_its_version(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses", 201, document, body=draft("a"), etag='"2"')


@is_told_as("tag")
def a_tag_that_was_never_given(story: Story) -> None:
    story.same("t")


@is_told_as("tag")
def a_tag_of_two_users(story: Story) -> History:
    other, tag = Story("bob"), '"0123456789abcdef0123456789abcdef"'
    story.look([], tag=tag)
    other.look([], tag=tag)
    return History(story.calls + other.calls, [story.final(), other.final()])


@pytest.mark.parametrize(("scene", "kind"), SCENES, ids=lambda each: getattr(each, "__name__", each))
def test_it_finds(scene: Wrong, kind: str) -> None:
    story = Story()
    history = scene(story) or story.history()
    found = violations(history)
    assert kind in {each.kind for each in found}, "\n".join(map(str, found))


def test_a_history_is_judged_again_from_its_file(tmp_path: Path) -> None:
    story = Story()
    a_list_of_two_times(story)
    history = story.history()
    with Record(tmp_path / "history.jsonl") as record:
        for call in history.calls:
            record.add(call)
        record.close_with(history.finals[0])
    again = load((tmp_path / "history.jsonl").read_text().splitlines())
    assert again == history
    assert violations(again) == violations(history) != []


def test_a_person_is_told_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = Story()
    file = tmp_path / "history.jsonl"
    for wrong in (0, 1):
        with Record(file) as record:
            record.close_with(story.final(**({"items": [{"id": "a"}]} if wrong else {})))
        assert main([str(file)]) == wrong
        assert f"{wrong} violations." in capsys.readouterr().out
