"""The check fails: each kind of wrong in the log and in writes is found in a history that has it."""

from dataclasses import replace

import pytest

from history.check import violations
from history.record import History
from history.story import Scenes, Story, Wrong, draft

scenes = Scenes()

# --- the log and what is read at the end -----------------------------------------------------------


@scenes.told_as("gap")
def a_number_that_is_missing(story: Story) -> None:
    story.create("a")
    story.create("b")
    story.log[1]["seq"] = 3


@scenes.told_as("version")
def a_version_that_is_missing(story: Story) -> None:
    story.create("a")
    story.documents[0]["version"] = 2


@scenes.told_as("version")
def a_change_of_what_is_deleted(story: Story) -> None:
    story.create("a")
    story.delete("a")
    story.patch("a", "m")


@scenes.told_as("history")
def a_history_without_its_last_version(story: Story) -> History:
    story.create("a")
    story.patch("a", "m")
    final = story.final()
    return History(story.calls, [replace(final, histories={"a": final.histories["a"][:1]})])


@scenes.told_as("list")
def a_list_without_an_expense(story: Story) -> History:
    story.create("a")
    return story.history(items=[])


@scenes.told_as("list")
def a_list_with_one_twice(story: Story) -> History:
    return story.history(items=[story.create("a")] * 2)


@scenes.told_as("sum")
def a_sum_that_is_off(story: Story) -> History:
    story.create("a")
    total = {"currency": "EUR", "total": "2.00", "count": 1}
    group = {"key": {"category": "food"}, **total}
    return story.history(summaries={"category": {"groups": [group], "totals": [total]}})


# --- writes ----------------------------------------------------------------------------------------


@scenes.told_as("lost")
def a_creation_that_is_gone(story: Story) -> None:
    story.create("a")
    story.log.clear()
    story.documents.clear()


@scenes.told_as("lost")
def a_deletion_that_is_gone(story: Story) -> None:
    story.create("a")
    story.call("DELETE", "/expenses/a", 204)


@scenes.told_as("lost")
def a_deletion_where_two_were_acknowledged(story: Story) -> None:
    story.create("a")
    story.delete("a", at=(1, 3))
    story.call("DELETE", "/expenses/a", 204, at=(1, 3))


@scenes.told_as("lost")
def a_change_that_is_gone(story: Story) -> None:
    made = story.create("a")
    told = {**made, "notes": "m", "version": 2}
    story.call("PATCH", "/expenses/a", 200, told, body={"notes": "m"})


@scenes.told_as("lost")
def a_restoration_that_is_gone(story: Story) -> None:
    made = story.create("a")
    story.delete("a")
    story.call("POST", "/expenses/a/restore", 200, {**made, "version": 3})


@scenes.told_as("twice")
def a_creation_that_is_there_twice(story: Story) -> None:
    story.create("a")
    story.write("created", "b", **draft("a"))


@scenes.told_as("twice")
def a_retry_with_its_key_that_did_it_again(story: Story) -> None:
    for name in ("a", "b"):
        document = story.write("created", name, **draft("a"))
        story.call("POST", "/expenses", 201, document, body=draft("a"), key="k", operation=1)


@scenes.told_as("twice")
def a_retry_of_a_patch_that_did_it_again(story: Story) -> None:
    story.create("a")
    story.call("PATCH", "/expenses/a", body={"notes": "m"}, if_match='"1"')
    story.write("updated", "a", notes="m")
    story.write("updated", "a", notes="m")


@scenes.told_as("unasked")
def a_deletion_that_nobody_asked_for(story: Story) -> None:
    story.create("a")
    story.write("deleted", "a")


@scenes.told_as("unasked")
def a_deletion_without_an_answer_that_was_done_twice(story: Story) -> None:
    story.create("a")
    story.call("DELETE", "/expenses/a")
    story.write("deleted", "a")
    story.call("POST", "/expenses/a/restore", 200, story.write("restored", "a"))
    story.write("deleted", "a")


@scenes.told_as("refused")
def a_creation_that_was_refused(story: Story) -> None:
    story.write("created", "a", **draft("a"))
    story.refuse("POST", "/expenses", 422, "validation_error", body=draft("a"))


@scenes.told_as("content")
def a_change_that_undoes_another(story: Story) -> None:
    story.create("a")
    story.patch("a", "m", amount="5.00")
    story.write("updated", "a", notes="n", amount="1.00")
    told = {"body": {"notes": "n", "category": "food"}}
    story.call("PATCH", "/expenses/a", 200, story.documents[-1], **told)


@scenes.told_as("content")
def an_answer_with_another_content(story: Story) -> None:
    document = story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses", 201, {**document, "amount": "9.00"}, body=draft("a"))


@scenes.told_as("content")
def half_a_bulk_request(story: Story) -> None:
    operations = [{"op": "create", "expense": draft(name)} for name in ("a", "b")]
    story.write("created", "a", **draft("a"))
    story.call("POST", "/expenses/bulk", body={"operations": operations})


@scenes.told_as("content")
def a_condition_that_was_not_looked_at(story: Story) -> None:
    story.create("a")
    story.patch("a", "m")
    story.patch("a", "n", if_match='"1"')


@scenes.told_as("order")
def a_write_before_one_that_was_acknowledged(story: Story) -> None:
    late = story.write("created", "b", **draft("b"))
    story.create("a")
    story.call("POST", "/expenses", 201, late, body=draft("b"))


@pytest.mark.parametrize(("scene", "kind"), scenes.all, ids=lambda each: getattr(each, "__name__", each))
def test_it_finds(scene: Wrong, kind: str) -> None:
    story = Story()
    history = scene(story) or story.history()
    found = violations(history)
    assert kind in {each.kind for each in found}, "\n".join(map(str, found))
