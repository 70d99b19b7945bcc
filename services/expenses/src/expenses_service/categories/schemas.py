"""Categories as clients write and see them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from expenses_service.categories.rules import SLUG_PATTERN, Category
from expenses_service.text import Line

_STRICT = ConfigDict(extra="forbid", frozen=True)

Name = Annotated[Line, StringConstraints(min_length=1, max_length=60)]
Slug = Annotated[str, Field(strict=True, max_length=64, pattern=SLUG_PATTERN)]


class CategoryDraft(BaseModel):
    """A new category; the slug is made of the name when none is given."""

    model_config = _STRICT

    name: Name
    slug: Slug | None = None


class CategoryChanges(BaseModel):
    """A JSON Merge Patch (RFC 7396); the slug never changes."""

    model_config = _STRICT

    name: Annotated[Name, Field(default=None)]
    archived: Annotated[bool, Field(default=None, strict=True)]

    def fields(self) -> dict[str, Any]:
        """What was sent, by name."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


class Removal(BaseModel):
    """The parameters of a deletion."""

    model_config = _STRICT

    move_to: Annotated[Slug | None, Field(description="The category that its expenses go to.")] = (
        None
    )


class CategoryOut(BaseModel):
    """A category; `slug` never changes, `archived` takes no new expenses."""

    model_config = ConfigDict(from_attributes=True)

    slug: str
    name: str
    archived: bool
    is_default: bool
    version: int


class CategoryList(BaseModel):
    """The usual set in its order, then the user's own by slug."""

    items: list[CategoryOut]


def category_body(category: Category) -> bytes:
    """One category as JSON."""
    return CategoryOut.model_validate(category).model_dump_json().encode()


def list_body(categories: list[Category]) -> bytes:
    """All of them, in this order, as JSON."""
    items = [CategoryOut.model_validate(category) for category in categories]
    return CategoryList(items=items).model_dump_json().encode()
