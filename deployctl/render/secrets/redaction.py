"""Pure: secrets in what a host says, taken out before a workflow publishes it.

A workflow's log and summary can be read by everybody who can read the repository, for months.
GitHub masks the secrets that it knows; a container's log has others: the password in a
DATABASE_URL, a token, a key. `secret_forms` knows what they look like; deployctl's own are known
as they are: see `known_secrets`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from deployctl.render.harmless import without_sequences
from deployctl.render.secrets import forms as secret_forms
from deployctl.render.secrets.forms import Span
from deployctl.render.secrets.known import STARS

_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(r"[\s\w+/=:.,()|>\\\"'-]*+")
_TOKEN_GOES_ON = re.compile(r"\s*+[\w.=-]{16,}+[\"',;\s]*+")
_VALUE_STANDS_ALONE = re.compile(
    r"\s*+(?:-\s*+|string\([0-9]*+\) )?[\"'](?:[^\"'\\]++|\\.)*+[\"']?[\s,]*+"
)
# A shorter one is as likely to be a word: masked, it would vanish from the whole log.
_SHORTEST_MASKED = 8
_LONGEST_LINE = 16_384


def redact(lines: Sequence[str]) -> tuple[str, ...]:
    """Return lines in which `***` stands for what looks like a secret.

    Colours are left out: they stand between a name and its value. What is beyond 16 KiB of a
    line is, too.
    """
    return tuple(_in_context(lines))


def secrets_in(lines: Sequence[str]) -> tuple[str, ...]:
    """Return what is a secret by its form, for a runner's masks; never a part of a private key."""
    plain = _without_keys(map(_readable, lines))
    found = [line[start:end] for line in plain for start, end in _spans(line, secret_forms.SURE)]
    return tuple(dict.fromkeys(text for text in found if len(text) >= _SHORTEST_MASKED))


def _in_context(lines: Iterable[str]) -> Iterator[str]:
    """Take out what is secret in a line, or because of the one before it."""
    cut_off = awaited = False
    for line in _without_keys(map(_readable, lines)):
        spans = _spans(line, secret_forms.ALL)
        if (cut_off and _TOKEN_GOES_ON.fullmatch(line)) or (
            awaited and _VALUE_STANDS_ALONE.fullmatch(line)
        ):
            indent = line[: len(line) - len(line.lstrip())]
            yield f"{indent}{STARS}"
            continue
        cut_off = any(end == len(line) for _, end in secret_forms.tokens(line))
        awaited = secret_forms.awaits_a_value(line)
        yield _starred(line, spans)


def _readable(line: str) -> str:
    plain = without_sequences(line)
    if len(plain) <= _LONGEST_LINE:
        return plain
    return f"{plain[:_LONGEST_LINE]}… ({len(plain)} characters)"


def _spans(line: str, forms: Iterable[Callable[[str], Iterator[Span]]]) -> list[Span]:
    """Where the secrets are, in order; those that overlap are one."""
    merged: list[Span] = []
    for start, end in sorted(span for form in forms for span in form(line)):
        if line[start:end].strip("*") == "":
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _starred(line: str, spans: Iterable[Span]) -> str:
    kept, behind = [], 0
    for start, end in spans:
        kept += [line[behind:start], STARS]
        behind = end
    return "".join([*kept, line[behind:]])


def _without_keys(lines: Iterable[str]) -> Iterator[str]:
    """Leave out private keys: each is one line's part, or several lines and the ends of two."""
    inside = False
    for line in lines:
        if inside:
            end = _KEY_ENDS.search(line)
            inside = not end and _KEY_BODY.fullmatch(line) is not None
            if inside or (end and not line[end.end() :].strip("\"',; ")):
                continue
            line = line[end.end() :] if end else line  # noqa: PLW2901 - the rest of it
        while begin := _KEY_BEGINS.search(line):
            end = _KEY_ENDS.search(line, begin.end())
            rest = line[end.end() :] if end else ""
            line = f"{line[: begin.start()]}{STARS} (a private key){rest}"  # noqa: PLW2901 - the same
            inside = end is None
        yield line
