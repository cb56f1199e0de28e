"""What a script sets: variables of its own, outputs of its step, variables of later steps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployctl.lint.steps.script import Written, place_in, script_of
from deployctl.lint.workflow.values import Step

_HERE_DOCUMENT = re.compile(r"<<-?\s*['\"]?[A-Za-z_]")


def outputs(step: Step, name: str) -> list[Written]:
    """Return the words that a step writes to an output, `echo "tag=WORD" >> …`."""
    return list(_written(step, name, "GITHUB_OUTPUT", f"::set-output name={name}::"))


def exports(step: Step, name: str) -> list[Written]:
    """Return the words that a step writes to a variable of the steps behind it."""
    return list(_written(step, name, "GITHUB_ENV", ""))


def _written(step: Step, name: str, file: str, prefix: str) -> Iterator[Written]:
    if step.run is None or not (
        file in step.run.value or (prefix and "::set-output" in step.run.value)
    ):
        return
    if _HERE_DOCUMENT.search(step.run.value):
        for match in re.finditer(rf"(?im)^[ \t]*{re.escape(name)}=(.*)$", step.run.value):
            yield Written(match[1].strip(), step.run.place_of(match.start(1)), in_shell=True)
    for command in script_of(step):
        if command.program not in {"echo", "printf"}:
            continue
        for word in command.words[1:]:
            lower = word.lower()
            start = next((p for p in (f"{name}=", prefix) if p and lower.startswith(p)), "")
            if start:
                value = _printed(word[len(start) :].removesuffix("\\n"), command.words)
                yield Written(value, place_in(step, command), in_shell=True)


def _printed(value: str, words: tuple[str, ...]) -> str:
    """Return what printf puts for the one `%s` of its format."""
    return value.replace("%s", words[2]) if "%s" in value and len(words) > 2 else value  # noqa: PLR2004 - the word behind the format


def writes_outputs(script: str) -> bool:
    """Whether a script writes any output."""
    return "GITHUB_OUTPUT" in script or "::set-output" in script


def names_output(script: str, name: str) -> bool:
    """Whether an output's name stands in a text that is written; assignments do not count."""
    texts = re.sub(r"(?m)^[ \t]*(export |local )?\w+=", "", script)
    return re.search(rf"(?i)\b{re.escape(name)}(=|<<)", texts) is not None


def variables(step: Step, name: str) -> Iterator[Written]:
    """Return the words that a script sets one of its own variables to."""
    for command in script_of(step):
        for key, value in command.assignments.items():
            if key.lower() == name:
                yield Written(value, place_in(step, command), in_shell=True)


def mentions(word: str, variable: str) -> bool:
    """Whether a word has a variable in it, `${TAG#v}`."""
    return re.search(rf"(?i)\$\{{?{re.escape(variable)}\b", word) is not None


def may_set(step: Step, name: str) -> bool:
    """Whether a script may set a variable in a way that is not followed: a loop, `read`, a file."""
    if any(each.program in {"source", ".", "eval"} for each in script_of(step)):
        return True
    bare = rf"(?i)(?<![$\w{{]){re.escape(name)}\b(?!=)"
    return step.run is not None and re.search(bare, step.run.value) is not None
