"""Pure: secrets that deployctl was given, taken out of whatever is said, wherever it is said."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

STARS = "***"

_SHORTEST = 4
_NO_WORD = 8  # characters: a shorter secret may be a part of words


def exactly(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return what takes these secrets out of a text, also encoded as URLs, JSON and base64 have it.

    Args:
        secrets: each of one line or several. A short one is only taken out as a whole word.
    """
    forms = {form for secret in secrets for form in _forms(secret)}
    if not forms:
        return str
    # The longest first: one may be a part of another.
    words = [_whole(form) for form in sorted(forms, key=lambda form: (-len(form), form))]
    pattern = re.compile("|".join(words))
    return lambda text: pattern.sub(STARS, text)


def _forms(secret: str) -> Iterator[str]:
    text = secret.strip()
    if len(text) < _SHORTEST:
        return
    if len(text.splitlines()) > 1:  # a private key: whoever prints it prints it line by line
        yield from (line for line in text.splitlines() if _tells_something(line))
    else:
        yield from (text, quote(text, safe=""), quote(text), quote_plus(text))
        yield json.dumps(text)[1:-1]
    yield base64.b64encode(text.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _tells_something(line: str) -> bool:
    return len(line) >= _NO_WORD and not line.startswith("-----")


def _whole(form: str) -> str:
    if len(form) >= _NO_WORD:
        return re.escape(form)
    return rf"(?<!\w){re.escape(form)}(?!\w)"
