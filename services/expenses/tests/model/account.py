"""What one user must have after any writes: in plain Python, by none of the service's code."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from tests.model.versions import (
    Fields,
    Refused,
    Unknown,
    Version,
    check_patch,
    drafted,
    patched,
)

USUAL = (
    *("food", "groceries", "transport", "housing", "utilities", "health"),
    *("leisure", "travel", "shopping", "work", "education", "other"),
)
Tags = Collection[int] | None
"""The versions that If-Match names, None without it."""


@dataclass(frozen=True)
class Category:
    """A deleted one is kept, since its next version goes on from it."""

    slug: str
    name: str
    archived: bool = False
    version: int = 1
    deleted: bool = False

    @property
    def document(self) -> Fields:
        named = {"slug": self.slug, "name": self.name, "archived": self.archived}
        return {**named, "is_default": self.slug in USUAL, "version": self.version}


class Account:
    """One user's data. Whatever raises Refused has changed nothing."""

    def __init__(self) -> None:
        self.seq = 0
        self.log: list[Version] = []
        self.heads: list[Version] = []
        self.categories = {slug: Category(slug, slug.capitalize()) for slug in USUAL}
        self.kept: dict[tuple[str, str], tuple[object, Any]] = {}
        """By path and Idempotency-Key: what was asked, and the answer."""

    # --- what is there ---------------------------------------------------------------------------

    def known(self, identifier: object) -> Version | None:
        """Live or deleted; one whose id nobody has heard of yet is not looked for."""
        heads = (head for head in self.heads if isinstance(head.id, str))
        return next((head for head in heads if head.id == identifier), None)

    def find(self, identifier: str) -> Version:
        """Live or deleted. Raises Refused."""
        head = self.known(identifier)
        if head is None:
            raise Refused(404, "not_found")
        return head

    def find_live(self, identifier: str) -> Version:
        head = self.find(identifier)
        if not head.live:
            raise Refused(404, "not_found")
        return head

    def named(self, key: tuple[str, str] | None) -> Version | None:
        return next((head for head in self.heads if key is not None and head.key == key), None)

    def live(self) -> list[Version]:
        return [head for head in self.heads if head.live]

    def versions(self, place: int) -> list[Version]:
        return [version for version in self.log if version.place == place]

    def is_open(self, slug: str) -> bool:
        category = self.categories.get(slug)
        return category is not None and not (category.deleted or category.archived)

    def require_open(self, slug: str) -> None:
        if not self.is_open(slug):
            raise Refused(422, "unknown_category")

    def require_free(self, fields: Fields, place: int | None = None) -> None:
        key = (fields["source"], fields["external_id"])
        holder = self.named(key) if key != (None, None) else None
        if holder is not None and holder.place != place:
            raise Refused(409, "external_id_taken")

    # --- one expense -----------------------------------------------------------------------------

    def write(self, head: Version | None, action: str, fields: Fields) -> Version:
        """The next version of an expense, or the first of a new one."""
        self.seq += 1
        if head is None:
            version = Version(len(self.heads), action, 1, fields, seq=self.seq)
            self.heads.append(version)
        else:
            number, unknown = head.number + 1, Unknown()
            version = replace(
                head, action=action, number=number, fields=fields, at=unknown, seq=self.seq
            )
            self.heads[head.place] = version
        self.log.append(version)
        return version

    def create(self, sent: Fields) -> Version:
        fields = drafted(sent)
        self.require_open(fields["category"])
        self.require_free(fields)
        return self.write(None, "created", fields)

    def patch(self, identifier: str, sent: Fields, tags: Tags = None) -> Version:
        check_patch(sent)
        head = self.known(identifier)
        if (head is None or not head.live) and sent.get("category") is not None:
            self.require_open(sent["category"])
        head = self.find_live(identifier)
        fields = patched(head.fields, sent)
        if fields["category"] != head.fields["category"]:
            self.require_open(fields["category"])
        self.require_free(fields, head.place)
        require(head, tags)
        return head if fields == head.fields else self.write(head, "updated", fields)

    def delete(self, identifier: str, tags: Tags = None) -> None:
        head = self.find_live(identifier)
        require(head, tags)
        self.write(head, "deleted", head.fields)

    def restore(self, identifier: str, tags: Tags = None) -> Version:
        head = self.find(identifier)
        require(head, tags)
        if head.live:
            return head
        self.bring_back(head.fields["category"])
        return self.write(head, "restored", head.fields)

    def put(
        self, key: tuple[str, str], sent: Fields, tags: Tags, *, absent: bool, revive: bool
    ) -> tuple[int, Version]:
        """`absent` is `If-None-Match: *`: nothing may be there."""
        head = self.named(key)
        named = dict(zip(("source", "external_id"), key, strict=True))
        fields = drafted(sent | named, None if head is None else head.fields["spent_on"])
        if head is None or not head.live or fields["category"] != head.fields["category"]:
            self.require_open(fields["category"])
        if head is None:
            if tags is not None:
                raise Refused(412, "version_conflict")
            return 201, self.write(None, "created", fields)
        if not head.live and not revive:
            raise Refused(409, "deleted")
        if absent:
            raise Refused(412, "version_conflict", head.number)
        require(head, tags)
        if not head.live:
            return 200, self.write(head, "restored", fields)
        return 200, head if fields == head.fields else self.write(head, "updated", fields)

    # --- categories ------------------------------------------------------------------------------

    def listed_categories(self) -> list[Fields]:
        """The usual set in its order, then the others by slug."""
        own = sorted(self.categories.keys() - USUAL)
        found = (self.categories[slug] for slug in [*USUAL, *own])
        return [category.document for category in found if not category.deleted]

    def category(self, slug: str) -> Category:
        category = self.categories.get(slug)
        if category is None or category.deleted:
            raise Refused(404, "not_found")
        return category

    def save(self, category: Category) -> Category:
        """As the next version of what is there."""
        before = self.categories.get(category.slug)
        version = 1 if before is None else before.version + 1
        self.categories[category.slug] = replace(category, version=version)
        return self.categories[category.slug]

    def bring_back(self, slug: str) -> None:
        """A category comes with an expense that is restored, but takes no new ones."""
        if self.categories[slug].deleted:
            self.save(replace(self.categories[slug], deleted=False, archived=True))

    def add_category(self, slug: str, name: str) -> Category:
        if slug in self.categories and not self.categories[slug].deleted:
            raise Refused(409, "slug_taken")
        return self.save(Category(slug, name))

    def change_category(self, slug: str, sent: Fields, holds: Callable[[Fields], bool]) -> Category:
        category = self.category(slug)
        if not holds(category.document):
            raise Refused(412, "version_conflict")
        wanted = replace(category, **sent)
        return category if wanted == category else self.save(wanted)

    def drop_category(self, slug: str, target: str | None, holds: Callable[[Fields], bool]) -> None:
        if target is not None:
            if target == slug:
                raise Refused(422, "unknown_category")
            self.require_open(target)
        category = self.category(slug)
        inside = [head for head in self.live() if head.fields["category"] == slug]
        if target is None and inside:
            raise Refused(409, "category_in_use")
        if not holds(category.document):
            raise Refused(412, "version_conflict")
        for head in sorted(inside, key=lambda each: str(each.id)):
            self.write(head, "updated", head.fields | {"category": target})
        self.save(replace(category, deleted=True, archived=False))

    # --- all of it -------------------------------------------------------------------------------

    def erase(self) -> None:
        """Only the sequence goes on, to a number that the service says."""
        seq = self.seq
        vars(self).update(vars(Account()))
        self.seq = seq

    def adopt(self, other: "Account") -> None:
        """Become what a copy has become."""
        vars(self).update(vars(other))


def require(head: Version, tags: Tags) -> None:
    """The condition of If-Match. Raises Refused."""
    if tags is not None and head.number not in tags:
        raise Refused(412, "version_conflict", head.number)


def documents(versions: Iterable[Version]) -> list[Fields]:
    return [version.document for version in versions]
