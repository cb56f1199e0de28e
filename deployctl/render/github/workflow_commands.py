"""Pure text of what a workflow runner obeys: commands in the log, and files of outputs.

How a runner reads them:
https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs and
https://github.com/actions/runner/blob/main/src/Runner.Worker/FileCommandManager.cs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from deployctl.render.harmless import LONGEST_NAME, safe

if TYPE_CHECKING:
    from typing import Literal

    Level = Literal["error", "warning", "notice"]

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})
_LONGEST_MESSAGE = 20_000


def annotation(
    level: Level, title: str, message: str, place: Mapping[str, object] | None = None
) -> str:
    """Return the line that shows a message on the page of the workflow run.

    Args:
        level: how grave it is.
        title: its heading, one line.
        message: of one or more lines.
        place: what it is about, as `file`, `line` and `col`; None: the run.
    """
    properties = {**(place or {}), "title": safe(title, limit=LONGEST_NAME)}
    listed = ",".join(f"{k}={safe(str(v)).translate(_PROPERTY)}" for k, v in properties.items())
    text = safe(message, limit=_LONGEST_MESSAGE, newlines=True).translate(_DATA)
    return f"::{level} {listed}::{text}"


def group(title: str) -> str:
    """Return the line that folds those behind it, up to END_GROUP; groups do not nest."""
    return f"::group::{safe(title, limit=LONGEST_NAME).translate(_DATA)}"


END_GROUP = "::endgroup::"


def mask(secret: str) -> str:
    """Return the line that has a runner show `***` instead, from here on.

    Args:
        secret: of one line: one that has several would be shown by the very attempt.

    Raises:
        ValueError: it is empty or has several lines.
    """
    if not secret or len(secret.splitlines()) > 1:
        raise ValueError("only a single line can be masked")
    return f"::add-mask::{secret.translate(_DATA)}"


def outputs(values: Mapping[str, str], delimiter: str) -> str:
    """Return what to append to GITHUB_OUTPUT.

    Args:
        values: by name; each becomes one harmless line.
        delimiter: that no text can contain, as nobody could know it.
    """
    return "".join(
        f"{name}<<{delimiter}\n{safe(value)}\n{delimiter}\n" for name, value in values.items()
    )
