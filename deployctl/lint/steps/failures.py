"""Whether a command that fails also fails its step."""

from __future__ import annotations

from deployctl.lint.shell.commands import ShellCommand


def failure_ignored(command: ShellCommand, script: tuple[ShellCommand, ...], shell: str) -> str:
    """Say why a command's failure does not end its step; empty: it does."""
    if command.following == "||" and not _fails(command.fallback):
        return f"`|| {command.fallback[0] if command.fallback else ''}` lets its failure pass"
    if command.tested:
        return "as a condition of the script, its failure ends nothing"
    if command.following in {"&", "|&"} or (
        command.following == "|" and not _pipefail(script, shell)
    ):
        return "its failure is lost in a pipe: set -o pipefail, or `shell: bash`"
    before = script[: script.index(command)]
    if any(each.program == "set" and "+e" in each.words for each in before):
        return "`set +e` lets its failure pass"
    return ""


def _fails(words: tuple[str, ...]) -> bool:
    return words[:1] in {("exit",), ("false",), ("return",)} and words[1:2] != ("0",)


def _pipefail(script: tuple[ShellCommand, ...], shell: str) -> bool:
    # Without `shell:`, the runner calls `bash -e`; with `shell: bash`, `bash -eo pipefail`.
    # https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
    explicit = any(each.program == "set" and "pipefail" in each.words for each in script)
    return shell.strip() == "bash" or explicit
