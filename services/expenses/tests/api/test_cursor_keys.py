"""A page ends in a cursor of this key: one of another key is another page, whoever has kept it."""

import base64
import secrets
from pathlib import Path

from expenses_service.settings import Settings
from tests.conftest import client_of, running
from tests.expense_calls import PATH, made
from tests.tokens import SigningKey, access_claims, user_id

FIRST = f"{PATH}?limit=1"


async def test_a_page_that_was_kept_under_another_key_is_made_anew(
    settings: Settings, signing_key: SigningKey, tmp_path: Path
) -> None:
    token = signing_key.token(access_claims(user_id(1)))
    async with running(settings) as app, client_of(app, token) as ada:
        for description in ("Tea", "Lunch"):
            await made(ada, description=description)
        for _ in range(3):  # the second time it is kept in Redis too
            old = await ada.get(FIRST)
    other = tmp_path / "another_key"
    other.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    other.chmod(0o600)
    settings = settings.model_copy(update={"cursor_key_file": other})
    async with running(settings) as app, client_of(app, token) as ada:
        for _ in range(3):
            new = await ada.get(FIRST, headers={"If-None-Match": old.headers["etag"]})
            assert new.status_code == 200
            cursor = new.json()["next_cursor"]
            assert cursor != old.json()["next_cursor"]
            rest = await ada.get(FIRST, params={"limit": 1, "cursor": cursor})
            assert [each["description"] for each in rest.json()["items"]] == ["Tea"]
        stale = await ada.get(PATH, params={"limit": 1, "cursor": old.json()["next_cursor"]})
        assert (stale.status_code, stale.json()["code"]) == (400, "invalid_cursor")
