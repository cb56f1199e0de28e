"""What a script of the host prints, to be read."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

from hypothesis import strategies as st

from deployctl.errors import HostError
from tests.unit.compose.test_project import JSON

ENCODED = st.one_of(st.binary(max_size=30), JSON.map(lambda value: json.dumps(value).encode())).map(
    lambda data: base64.b64encode(data).decode()
)


def output(name: str, data: bytes | str | dict[str, Any], status: int = 0) -> dict[str, Any]:
    """Return the fact that a command on the host said something."""
    if isinstance(data, dict):
        data = json.dumps(data)
    if isinstance(data, str):
        data = data.encode()
    return {"fact": name, "output": base64.b64encode(data).decode(), "status": status}


def printed(*values: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def with_host_errors_only(read: Any, data: bytes) -> None:
    with contextlib.suppress(HostError):
        read(data)
