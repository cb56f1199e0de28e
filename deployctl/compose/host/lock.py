"""Who holds a lock on the host, as lock.sh tells it. Pure."""

from __future__ import annotations

from deployctl.compose.host.wire import is_number, lines
from deployctl.compose.lock import Stranger
from deployctl.quoting import shown, shown_name
from deployctl.release.foreign_json import json_object
from deployctl.release.results import UnfinishedRun


def read_holder(data: bytes) -> UnfinishedRun:
    """Read a lock file's content; what cannot be read is an unknown holder."""
    try:
        value = json_object(data)
    except ValueError:
        return UnfinishedRun()
    names = ("run", "by", "action", "service", "tag", "since")
    return UnfinishedRun(**{name: str(value.get(name, "")) for name in names})


def read_stranger(data: bytes) -> Stranger:
    """Read "PID USER PROGRAM"; what is not that is a stranger unseen."""
    words = " ".join(lines(data)).split(" ", maxsplit=2)
    if len(words) != len(("pid", "user", "program")) or not is_number(words[0]):
        return Stranger()
    pid, user, program = words
    return Stranger(pid, shown_name(user), shown(program.strip()))
