"""Pure: secrets in what a host says, taken out before a workflow publishes it.

A workflow's log and summary can be read by everybody who can read the repository, for months.
GitHub masks the secrets that it knows; a container's log has others: the password in a
DATABASE_URL, a token, a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

STARS = "***"

_SECRETS = re.compile(
    r"(?<=:)(?P<password>[^\s:/@]+)(?=@)"  # of scheme://user:password@host
    r"|\b(?P<token>(?:gh[pousr]_|github_pat_|glpat-|dckr_pat_|xox[abp]-)[\w-]{16,})"
    r"|(?i:\bbearer\s+)(?P<bearer>[\w.~+/-]{16,}=*)"
)
_NO_USER = re.compile(r"[\s/@]")
_LONGEST_USER = 300
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY-----")
_KEY_BODY = re.compile(r"[\sA-Za-z0-9+/=:,-]*")
# A shorter one is as likely to be a word: masked, it would vanish from the whole log.
_SHORTEST_MASKED = 8
_LONGEST_LINE = 16_384


def redact(lines: Sequence[str]) -> tuple[str, ...]:
    """Return lines in which `***` stands for what looks like a secret."""
    return tuple(_redacted(line) for line in _without_keys(lines))


def secrets_in(lines: Sequence[str]) -> tuple[str, ...]:
    """Return what looks like a secret, for a runner's masks; never a part of a private key."""
    found = [text for line in _without_keys(lines) for _, _, text in _found(line)]
    return tuple(dict.fromkeys(text for text in found if len(text) >= _SHORTEST_MASKED))


def _redacted(line: str) -> str:
    kept, behind = [], 0
    for start, end, _ in _found(line):
        kept += [line[behind:start], STARS]
        behind = end
    return "".join([*kept, line[behind:]])


def _found(line: str) -> Iterator[tuple[int, int, str]]:
    for match in _SECRETS.finditer(line[:_LONGEST_LINE]):
        name = match.lastgroup or ""
        start, end = match.span(name)
        if name != "password" or _is_behind_a_user(line, start):
            yield start, end, match[name]


def _is_behind_a_user(line: str, start: int) -> bool:
    """Whether `scheme://user:` stands before this."""
    before = line[max(0, start - _LONGEST_USER) : start - 1]
    scheme, separator, user = before.rpartition("://")
    return bool(separator) and scheme[-1:].isalnum() and not _NO_USER.search(user)


def _without_keys(lines: Sequence[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        begin = _KEY_BEGINS.search(line)
        if begin:
            yield f"{line[: begin.start()]}{STARS} (a private key)"
        if begin or (inside and _KEY_BODY.fullmatch(line)):
            inside = not _KEY_ENDS.search(line)
        else:
            inside = False
            yield line
