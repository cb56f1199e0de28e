"""A stream that takes nothing more: disk full, closed, or nobody reads it any longer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import errorcode
from pathlib import Path
from typing import TextIO

from deployctl.errors import UNTOUCHED, UsageError


def unwritable(
    error: OSError,
    place: str,
    *,
    state: str = UNTOUCHED,
    hint: str = "make room there, or send the answer somewhere else, and ask again",
) -> UsageError:
    """Return the error for an answer that could not be written, or not all of it."""
    name = f" ({errorcode[error.errno]})" if error.errno else ""
    return UsageError(
        "output-unwritable",
        f"the answer could not be written to {place}: {error.strerror or error}{name}",
        state=state,
        hint=hint,
    )


def place_of(stream: TextIO) -> str:
    """Return where standard output goes, with the file's name as far as Linux tells it."""
    try:
        path = str(Path(f"/proc/self/fd/{stream.fileno()}").readlink())
    except (OSError, ValueError):
        path = ""
    if path == os.devnull:  # nothing fails there, unless it stands for a stream that is closed
        return "standard output, which is closed"
    return f"standard output, {path}" if path.startswith("/") else "standard output"


@contextmanager
def quietly(stream: TextIO) -> Iterator[None]:
    """Write what no outcome depends on: a stream that takes nothing more is no error."""
    try:
        yield
        stream.flush()
    except (OSError, ValueError):
        discard(stream)


def discard(stream: TextIO) -> None:
    """Let what is still to be written to a stream vanish: Python flushes once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
