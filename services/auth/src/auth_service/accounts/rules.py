"""What an e-mail address, a time zone and a password may be."""

from functools import cache
from typing import Final
from zoneinfo import available_timezones

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from zxcvbn import zxcvbn

MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 256
MAX_EMAIL: Final = 254
MIN_SCORE: Final = 2  # zxcvbn: fewer than a million guesses below it
MIN_WORD: Final = 3
MIN_OWN: Final = 6  # characters of a password besides words that everybody knows of its owner
MAX_SCORED: Final = 64  # the cost of scoring grows with the square of the length

# An office's own network has addresses at .local, .internal or .test; the package refuses them
# until its list, which it offers for that, is emptied.
SPECIAL_USE_DOMAIN_NAMES.clear()

CONTEXT_WORDS: Final = ("expense", "expenses", "password", "passphrase")


def email_key(email: str) -> str:
    """How `email` compares: normalised (RFC 6531, NFC) and in lower case.

    Raises:
        ValueError: it is no address; the message is for people.

    """
    if len(email) > MAX_EMAIL:
        raise ValueError(f"must have at most {MAX_EMAIL} characters")
    try:
        parsed = validate_email(email, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(f"is not an e-mail address: {error}") from None
    return parsed.normalized.lower()


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    """Whether the IANA time zone database knows `name`."""
    return name in _time_zones()


def is_weak(password: str, email: str) -> bool:
    """Whether `password` falls to fewer than a million guesses, knowing the address.

    zxcvbn (Wheeler, USENIX Security 2016) counts common passwords, words, keyboard runs,
    repetitions and the words of the address itself.
    """
    local = email.partition("@")[0]
    parts = local.replace("-", ".").replace("_", ".").split(".")
    words = [word for word in {email, local, *parts, *CONTEXT_WORDS} if len(word) >= MIN_WORD]
    own = password.casefold()
    for word in sorted(words, key=len, reverse=True):
        own = own.replace(word.casefold(), "")
    if len(own) < MIN_OWN:
        return True
    return int(zxcvbn(password[:MAX_SCORED], user_inputs=words)["score"]) < MIN_SCORE
