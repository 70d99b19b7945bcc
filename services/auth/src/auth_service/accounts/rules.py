"""What an e-mail address, a time zone and a password may be."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Final

from bad_passwords import is_bad_password
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from zxcvbn import zxcvbn

MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 256
MAX_EMAIL: Final = 254
MIN_SCORE: Final = 2  # zxcvbn: fewer than a million guesses below it
MIN_WORD: Final = 3
MIN_OWN: Final = 6  # characters of a password besides words that everybody knows of its owner
MAX_SCORED: Final = 64  # the cost of scoring grows with the square of the length
MIN_LISTED: Final = 10  # the list has no shorter ones
MAX_DECORATION: Final = 8  # digits and signs at either end that make a listed password no better

# An office's own network has addresses at .local, .internal or .test; the package refuses them
# until its list, which it offers for that, is emptied.
SPECIAL_USE_DOMAIN_NAMES.clear()

# Signs that zxcvbn reads as one letter. It tries all their combinations, each as long as a whole
# password: 576 of them took 10 s. Digits for one letter stay apart, since they also make dates.
SIGNS_OF_A_LETTER: Final = ("4@", "([{<", "1!|", "5$", "7+")

CONTEXT_WORDS: Final = ("expense", "expenses", "password", "passphrase")
_SCORING: Final = Lock()
_LEADING = re.compile(rf"^[\W\d_]{{1,{MAX_DECORATION}}}")


def email_key(email: str) -> str:
    """How `email` compares: normalised (RFC 6531, NFC) and without case (Unicode case folding).

    Raises:
        ValueError: it is no address; the message is for people.

    """
    if len(email) > MAX_EMAIL:
        raise ValueError(f"must have at most {MAX_EMAIL} characters")
    try:
        parsed = validate_email(email, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(f"is not an e-mail address: {error}") from None
    return parsed.normalized.casefold()


@cache
def _time_zones() -> frozenset[str]:
    """Those of the package, the same on every machine; `Factory` means that none is set."""
    return frozenset((files("tzdata") / "zones").read_text().split()) - {"Factory"}


def is_time_zone(name: str) -> bool:
    """Whether the IANA time zone database knows `name`."""
    return name in _time_zones()


def is_weak(password: str, email: str) -> bool:
    """Whether `password` is leaked, the owner's own words or falls to fewer than a million guesses.

    See ADR 0014 for what each of the three finds that the others do not.
    """
    words = _words(email)
    return (
        len(_without(words, password)) < MIN_OWN
        or any(is_bad_password(spelling) for spelling in _spellings(password))
        or _score(scored(password), words) < MIN_SCORE
    )


def _score(text: str, words: list[str]) -> int:
    """0 to 4. zxcvbn keeps the words of the one whom it judges for all threads: one at a time."""
    with _SCORING:
        return int(zxcvbn(text, user_inputs=words)["score"])


def scored(password: str) -> str:
    """What zxcvbn is given: the beginning, with one sign for each letter, so that it ends soon."""
    text = password[:MAX_SCORED]
    for signs in SIGNS_OF_A_LETTER:
        used = [sign for sign in signs if sign in text]
        for other in used[1:]:
            text = text.replace(other, used[0])
    return text


def _words(email: str) -> list[str]:
    """What a stranger would try first for this owner, the longest first."""
    address = email.casefold()
    parts = re.findall(r"[^\W_]+", address) + re.findall(r"[^\W\d_]+", address)
    words = {address, *address.split("@"), *parts, *CONTEXT_WORDS}
    return sorted((word for word in words if len(word) >= MIN_WORD), key=len, reverse=True)


def _without(words: Iterable[str], password: str) -> str:
    own = password.casefold()
    for word in words:
        own = own.replace(word, "")
    return own


def _spellings(password: str) -> set[str]:
    """How `password` may stand in a list: in another case, without digits and signs around it."""
    return {
        spelling
        for text in (password, _LEADING.sub("", password))
        for stem in _stems(text)
        for spelling in (stem, stem.lower(), stem.upper(), stem.capitalize())
    }


def _stems(text: str) -> Iterator[str]:
    """`text` with ever fewer of the digits and signs at its end."""
    for end in range(len(text), max(len(text) - MAX_DECORATION, MIN_LISTED) - 1, -1):
        yield text[:end]
        if text[end - 1].isalpha():
            return
