"""JSON that a host printed: the one place that reads it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def json_object(data: bytes) -> Mapping[str, Any]:
    r"""Return a JSON object that can be shown, stored and sent again.

    Python also reads half a character (`\ud800`), which cannot be written to any stream.

    Raises:
        ValueError: it is no JSON, no object, or has such a thing in it. The text says which.
    """
    try:
        value = json.loads(data.decode())
        if b"\\ud" in data.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - as what else is wrong with a text
    return value
