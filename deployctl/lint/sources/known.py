"""What a text or a name is that GitHub or its runner fixes: the way of a value ends there."""

from __future__ import annotations

import re

from deployctl.lint.sources.source import End, Kind
from deployctl.release.reference import tag_problem

_COMMIT = End(Kind.COMPUTED, "the commit itself")
_TELLS_BRANCH = re.compile(r"abbrev-ref|branch --show-current|git describe")


def constant(text: str) -> End:
    """Say what a text is that is written into a workflow."""
    if not text:
        return End(Kind.BROKEN, "an empty text")
    if "$" in text or "`" in text:
        return End(Kind.UNSEEN, "a value that only the script knows")
    if tag_problem(text, long_tags=True) is None or re.fullmatch(r"[0-9a-f]{7,40}", text):
        return End(Kind.LITERAL, f"the fixed tag {text!a}", text)
    return End(Kind.MUTABLE, f"the fixed name {text[:60]!a}", text)


def of_github(names: list[str]) -> End:
    """Say what a value of the `github` context is, by the names behind `github`."""
    written = f"github.{'.'.join(names)}"
    match names:
        case ["sha"] | ["workflow_sha"] | [*_, ("head_sha" | "after")]:
            return _COMMIT
        case ["ref" | "ref_name" | "head_ref" | "base_ref"] | [*_, ("head_branch" | "tag_name")]:
            return End(Kind.MUTABLE, f"the branch, {written}")
        case _:
            return End(Kind.FOREIGN, written)


def of_runner(variable: str) -> End | None:
    """Say what a variable is that the runner sets; None: it sets no such one."""
    written = f"${variable.upper()}"
    match variable:
        case "github_sha":
            return _COMMIT
        case "github_ref" | "github_ref_name" | "github_head_ref" | "github_base_ref":
            return End(Kind.MUTABLE, f"the branch, {written}")
        case _ if variable.startswith(("github_", "runner_")):
            return End(Kind.FOREIGN, written)
        case _:
            return None


def printed_by(command: str) -> End:
    """Say what a command of a shell puts in its place, `$(command)`."""
    kind = Kind.MUTABLE if _TELLS_BRANCH.search(command) else Kind.COMPUTED
    return End(kind, f"what `{command[:60]}` prints")
