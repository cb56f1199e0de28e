"""What must hold of everything that deployctl shows, whatever a host says. The only judge here."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.forged.values import MARK
from tests.harmless import CONTROL
from tests.workflow_runner import commands, file_values

EXIT_STATUSES = frozenset({0, 2, 3, 4, 5, 6, 7, 8, 9})
"""Of docs/exit-codes.md; 1 is a bug, and nobody stops these commands."""
_OWN_COMMANDS = frozenset({"error", "warning", "group", "endgroup", "add-mask"})
_OUTPUTS = {
    "tag": re.compile(r"(sha-[0-9a-f]{7,40})?"),
    "previous-tag": re.compile(r"(sha-[0-9a-f]{7,40})?"),
    "digest": re.compile(r"(sha256:[0-9a-f]{64})?"),
    "run": re.compile(r"([0-9]{8}t[0-9]{6}z-[0-9a-f]{8})?"),
    "outcome": re.compile(r"[a-z-]+"),
    "exit-status": re.compile(r"[0-9]{1,3}"),
}
_NEXT = re.compile(r"(?:\S+: )?\s*next(?::|  )\s*(?P<first>.*)")
_DETAIL = re.compile(r"  [a-z][a-z ]{0,10}  |  \| ")
_ALONE = re.compile(r"deployctl( [^\s;,()]+)+")
_FENCE = re.compile(r"^(?P<bar>`{3,})sh\n(?P<text>.*?)^(?P=bar)$", re.DOTALL | re.MULTILINE)
_TO_DO = re.compile(r"^- \*\*What to do next:\*\* (?P<text>.*)$", re.MULTILINE)

_SCHEMA = Draft202012Validator(
    json.loads(files("deployctl").joinpath("output.schema.json").read_text()),
    format_checker=FormatChecker(),
)


@dataclass(frozen=True)
class Shown:
    """All that one call of deployctl showed.

    Attributes:
        exit_status: with which it ended.
        stdout: the answer.
        stderr: everything else.
        outputs: what it wrote for GITHUB_OUTPUT; None: it was not in a workflow.
        summary: the same for GITHUB_STEP_SUMMARY.
        json: whether the answer is a document.
        own: what the client itself knows: its tag, service, host, and GitHub's variables.
    """

    exit_status: int
    stdout: str
    stderr: str
    outputs: str | None = None
    summary: str = ""
    json: bool = False
    own: tuple[str, ...] = ()


def problems(shown: Shown) -> list[str]:
    """Return what is wrong with what was shown; nothing: a lie did no harm."""
    return [f"{name}: {told}" for name, rule in _RULES.items() for told in rule(shown)]


def _exit_status(shown: Shown) -> Iterator[str]:
    if shown.exit_status not in EXIT_STATUSES:
        yield f"{shown.exit_status}: {shown.stderr[-2000:]}"
    if "Traceback" in shown.stdout + shown.stderr:
        yield "a traceback"


def _control_characters(shown: Shown) -> Iterator[str]:
    for name, text in _texts(shown):
        if found := CONTROL.search(text):
            yield f"{name}: {text[max(found.start() - 60, 0) : found.end() + 60]!a}"
        try:
            text.encode()
        except UnicodeEncodeError as error:
            yield f"{name}: {error.reason}"


def _workflow_commands(shown: Shown) -> Iterator[str]:
    for name, text in _texts(shown):
        found = commands(text)
        allowed = _OWN_COMMANDS if name == "stderr" and shown.outputs is not None else frozenset()
        yield from (f"{name}: {c.name} {c.data[:200]}" for c in found if c.name not in allowed)


def _masks(shown: Shown) -> Iterator[str]:
    for command in commands(shown.stderr):
        if command.name == "add-mask":
            hidden = [own for own in _own_values(shown) if command.data in own]
            yield from (f"{command.data!r} hides {own!r}" for own in hidden)


def _own_values(shown: Shown) -> list[str]:
    return [*shown.own, *_values(shown).values()]


# The services that are started first are named by the host's compose files alone. A name that no
# shell reads in another way can only name one of them.
_STARTED_FIRST = re.compile(r"(?<= up -d --no-recreate --no-build )[A-Za-z0-9][A-Za-z0-9._-]*$")


def _commands_to_copy(shown: Shown) -> Iterator[str]:
    for where, command in _copied(shown):
        if MARK in _STARTED_FIRST.sub("", command) or not command.isprintable():
            yield f"{where}: {command[:300]!a}"


def _step_outputs(shown: Shown) -> Iterator[str]:
    if shown.outputs is None:
        return
    values = _values(shown)
    if values and values.keys() != _OUTPUTS.keys():
        yield f"other names: {sorted(values)}"
    for name, value in values.items():
        if not _OUTPUTS.get(name, re.compile("")).fullmatch(value):
            yield f"{name} is {value[:200]!a}"


def _document(shown: Shown) -> Iterator[str]:
    if not shown.json:
        return
    if shown.stdout.count("\n") != 1:
        yield f"not one document: {shown.stdout[:300]!a}"
        return
    try:
        document = json.loads(shown.stdout, parse_constant=_refuse)
        json.dumps(document, ensure_ascii=False).encode()
    except ValueError as why:
        yield f"no document: {why}"
        return
    if error := next(_SCHEMA.iter_errors(document), None):
        yield f"not by the schema: {error.message[:300]}"
    if document.get("exit_status") != shown.exit_status:
        yield "another exit status in it"


def _markdown(shown: Shown) -> Iterator[str]:
    outside = re.sub(r"^(`{3,})\w+\n.*?^\1$", "", shown.summary, flags=re.DOTALL | re.MULTILINE)
    for line in outside.splitlines():
        bare = re.sub(r"<(/?(details|summary|code)|br)>", "", line)
        if "<" in bare or "](" in bare or (line.startswith("#") and not line.startswith("### ")):
            yield line[:300]


_RULES = {
    "exit status": _exit_status,
    "control characters": _control_characters,
    "workflow commands": _workflow_commands,
    "masks": _masks,
    "commands to copy": _commands_to_copy,
    "step outputs": _step_outputs,
    "JSON": _document,
    "summary": _markdown,
}


# ---------------------------------------------------------------- what is shown where


def _texts(shown: Shown) -> Iterator[tuple[str, str]]:
    yield from (("stdout", shown.stdout), ("stderr", shown.stderr), ("summary", shown.summary))


def _values(shown: Shown) -> Mapping[str, str]:
    try:
        return file_values(shown.outputs or "")
    except ValueError:
        return {"cannot be read": ""}


def _copied(shown: Shown) -> Iterator[tuple[str, str]]:
    """Everything that is shown as a command, and where."""
    if shown.json:
        yield from (("JSON", c) for hint in _hints(_parsed(shown.stdout)) for c in of_hint(hint))
    else:
        yield from (("stdout", command) for command in _in_text(shown.stdout))
    yield from (("stderr", command) for command in _in_text(shown.stderr))
    for command in commands(shown.stderr):
        if command.name in {"error", "warning"}:
            _, _, hint = command.data.partition("\nnext: ")
            yield from (("annotation", line) for line in of_hint(hint))
    for block in _FENCE.finditer(shown.summary):
        yield from (("summary", line) for line in block["text"].splitlines())
    for hint in _TO_DO.findall(shown.summary):
        lines = [re.sub("</?code>|`", "", part) for part in hint.split("<br>")]
        yield from (("summary", html.unescape(line)) for line in lines[1:])


def of_hint(hint: str) -> list[str]:
    """Return the commands of a hint: all its lines but the first, which is prose or one alone."""
    first, *more = hint.split("\n")
    return [first, *more] if _ALONE.fullmatch(first) else more


def _in_text(text: str) -> Iterator[str]:
    inside = False
    for line in text.splitlines():
        if line.startswith(("  $ ", "  > ")):
            yield line[4:]
        if found := _NEXT.match(line):
            inside = True
            if _ALONE.fullmatch(found["first"]):
                yield found["first"]
        elif inside and line.startswith("  ") and not _DETAIL.match(line):
            yield line.strip()
        else:
            inside = False


def _hints(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in {"hint", "remedy"} and isinstance(item, str):
                yield item
            elif key == "commands" and isinstance(item, list):
                yield from (f"\n{command}" for command in item)
            else:
                yield from _hints(item)
    elif isinstance(value, list):
        for item in value:
            yield from _hints(item)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def told(found: Iterable[tuple[str, list[str]]], most: int = 20) -> str:
    """Return problems in words for a failed test, each kind once."""
    lines = [f"{what}\n      {problem}" for what, listed in found for problem in listed]
    return "\n".join([f"{len(lines)} problems", *lines[:most]])
