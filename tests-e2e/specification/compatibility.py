"""What in a specification would break a client of an older one (OpenAPI 3.1).

A client sends what the old one allowed and reads what it promised: requests may only become freer, answers
only stricter. How schemas compare is in schemas.py.
"""

from collections.abc import Iterator

from specification.schemas import Comparison, Json, resolved

METHODS = frozenset({"get", "put", "post", "delete", "patch"})


def breaks(old: Json, new: Json) -> list[str]:
    """A sentence for each break, empty when every client of `old` can go on with `new`."""
    return sorted(_Documents(old, new).paths())


class _Documents:
    def __init__(self, old: Json, new: Json) -> None:
        self._old = old
        self._new = new

    def paths(self) -> Iterator[str]:
        for path, operations in self._old["paths"].items():
            others = self._new["paths"].get(path)
            if others is None:
                yield f"{path}: the path is gone"
                continue
            for method in METHODS & operations.keys():
                where = f"{method.upper()} {path}"
                if method not in others:
                    yield f"{where}: the operation is gone"
                else:
                    yield from self._operation(where, operations[method], others[method])

    def _operation(self, where: str, old: Json, new: Json) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{where}: the operationId is another"
        yield from self._security(where, old, new)
        yield from self._parameters(where, old, new)
        yield from self._body(where, old, new)
        yield from self._answers(where, old["responses"], new["responses"])

    def _security(self, where: str, old: Json, new: Json) -> Iterator[str]:
        """Each way to be let in must still be one; no way at all stands for everybody."""
        ways = [set(way) for way in new.get("security", [{}])]
        for way in old.get("security", [{}]):
            if not any(other <= set(way) for other in ways):
                yield f"{where}: {' and '.join(sorted(way)) or 'nobody'} is not let in any more"

    def _parameters(self, where: str, old: Json, new: Json) -> Iterator[str]:
        olds, news = self._named(self._old, old), self._named(self._new, new)
        for key, parameter in news.items():
            if parameter.get("required") and not olds.get(key, {}).get("required"):
                yield f"{where}: {' '.join(key)} is required"
        for key, parameter in olds.items():
            place = f"{where}: {' '.join(key)}"
            if key not in news:
                yield f"{place} is gone"
                continue
            if parameter.get("explode") != news[key].get("explode"):
                yield f"{place} is written in another way"
            yield from self._request(place, parameter["schema"], news[key]["schema"])

    def _named(self, document: Json, operation: Json) -> dict[tuple[str, str], Json]:
        parameters = (resolved(document, each) for each in operation.get("parameters", ()))
        return {(each["in"], each["name"].lower()): each for each in parameters}

    def _body(self, where: str, old: Json, new: Json) -> Iterator[str]:
        before, after = old.get("requestBody"), new.get("requestBody")
        if before is None:
            if after is not None and after.get("required"):
                yield f"{where}: a body is required"
            return
        if after is None:
            yield f"{where}: takes no body any more"
            return
        for media, content in before["content"].items():
            if media not in after["content"]:
                yield f"{where}: takes no {media} any more"
            else:
                schema = after["content"][media].get("schema", {})
                yield from self._request(f"{where}: body", content.get("schema", {}), schema)

    def _answers(self, where: str, old: Json, new: Json) -> Iterator[str]:
        for status, answer in old.items():
            if status not in new:
                yield f"{where}: {status} is gone"
                continue
            before, after = resolved(self._old, answer), resolved(self._new, new[status])
            place = f"{where}: {status}"
            for name in before.get("headers", {}).keys() - after.get("headers", {}).keys():
                yield f"{place} has no {name} any more"
            for media, content in before.get("content", {}).items():
                if media not in after.get("content", {}):
                    yield f"{place} has no {media} any more"
                else:
                    schema = after["content"][media].get("schema", {})
                    yield from self._answer(place, content.get("schema", {}), schema)

    def _request(self, where: str, old: Json, new: Json) -> Iterator[str]:
        """Whatever was sent is still taken."""
        yield from Comparison(self._old, self._new, defaults=True).beyond(where, old, new)

    def _answer(self, where: str, old: Json, new: Json) -> Iterator[str]:
        """Whatever is answered could have been answered."""
        yield from Comparison(self._new, self._old, defaults=False).beyond(where, new, old)
