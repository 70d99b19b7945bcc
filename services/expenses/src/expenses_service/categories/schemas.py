"""Categories as clients see them."""

from pydantic import BaseModel, ConfigDict

from expenses_service.categories.rules import Category


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

    @classmethod
    def of(cls, categories: list[Category]) -> "CategoryList":
        """The document of these categories, in this order."""
        return cls(items=[CategoryOut.model_validate(category) for category in categories])
