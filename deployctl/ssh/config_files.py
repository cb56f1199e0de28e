"""The text of the ssh_config files, with what they include; paramiko ignores Include."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shlex
from pathlib import Path

from deployctl.errors import HostError
from deployctl.release import suggest
from deployctl.ssh.failures import printable

_INCLUDE_DEPTH = 16  # as OpenSSH
_KEYWORD = re.compile(r"^\s*(\w+)(?:\s*=\s*|\s+)(.*?)\s*$")


def at_home(name: str) -> Path:
    """Return a path with its ~ filled in; one where no file is, if there is no such user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path("/", name)


def read(path: Path | None) -> str:
    """Return the text of the ssh_config files with all Include lines resolved.

    Args:
        path: a file used instead of the user's and the system's.
    """
    user = at_home("~/.ssh")
    if path is not None:
        return _expand(path, user)
    system = Path("/etc/ssh")
    return _expand(user / "config", user, ours=True) + _expand(system / "ssh_config", system)


def _expand(
    path: Path, base: Path, block: str = "Host *", depth: int = 0, *, ours: bool = False
) -> str:
    """Return a file's text, with the files that it includes.

    Args:
        path: the file.
        base: directory of relative names.
        block: the Host or Match line that the text stands under.
        depth: how many files include it.
        ours: whether it is the user's own: then nobody else may write into it.

    Raises:
        HostError: ssh-config-invalid.
    """
    try:
        text = path.read_text("utf-8", "surrogateescape")
        writable = ours and _writable_by_others(path)
    except OSError:
        return ""
    if writable:
        raise _writable_error(path)
    lines = [block]
    for line in text.splitlines():
        found = _KEYWORD.match(line)
        keyword = found[1].lower() if found else ""
        if keyword in ("host", "match"):
            block = line
        if found and keyword == "include" and depth < _INCLUDE_DEPTH:
            parts = _included(found[2], base)
            lines += [_expand(part, base, block, depth + 1, ours=ours) for part in parts]
            lines.append(block)  # what follows belongs to this file's block again
        else:
            lines.append(line)
    return "\n".join([*lines, ""])


def _writable_error(path: Path) -> HostError:
    """Return why such a file is not used: whoever can write there can let programs run."""
    return invalid(
        ValueError(f"other users of this computer may change {path}"),
        suggest.hint(
            "look for what is not yours in it, and then:",
            suggest.typed("chmod", "go-w", str(path)),
        ),
    )


def _writable_by_others(path: Path) -> bool:
    """Whether it is, by the rule of Debian's ssh: a group that has only the user in it is his."""
    status = path.stat()
    if status.st_uid not in (0, os.getuid()) or status.st_mode & 0o002:
        return True
    return bool(status.st_mode & 0o020) and not _is_ours_alone(status.st_gid)


def _is_ours_alone(group: int) -> bool:
    try:
        ours = pwd.getpwuid(os.getuid()).pw_name
        members = grp.getgrgid(group).gr_mem
    except KeyError:
        return False
    logins = [user.pw_name for user in pwd.getpwall() if user.pw_gid == group]
    return {*members, *logins} == {ours}


def _included(patterns: str, base: Path) -> list[Path]:
    files: list[Path] = []
    for pattern in words(patterns):
        path = base / at_home(pattern)
        files += sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    return files


def words(text: str) -> list[str]:
    """Return the words of a value, which may be quoted."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def invalid(error: Exception, hint: str = "") -> HostError:
    """Return the error ssh-config-invalid; without a hint, where to look."""
    return HostError(
        "ssh-config-invalid",
        f"cannot use your ssh_config: {printable(str(error))}",
        hint=hint
        or "`ssh -G HOST` shows what OpenSSH makes of it; docs/inventory.md#your-ssh_config says "
        "what deployctl does not know",
    )
