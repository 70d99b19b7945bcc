"""What no log may have, by its form."""

import re

from actors import PASSWORD

FORMS = {
    "an e-mail address": r"\w@[\w-]+\.(?:com|org|net|test)\b",
    "a token": r"\beyJ[\w-]{8,}",
    "a personal access token": r"ea_pat_\w{8,}",
    "a cookie": r"\bea_(?:access|refresh|device)=",
    "a query": r'"(?:path|RequestPath)":\s*"[^"]*\?',
    "a password": re.escape(PASSWORD),
}


def told(text: str) -> set[str]:
    """Which of them stand in a text."""
    return {name for name, form in FORMS.items() if re.search(form, text)}
