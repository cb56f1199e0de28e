"""What the environment of the program lacks for an inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deployctl.errors import UsageError
from deployctl.inventory.text import listing

if TYPE_CHECKING:
    from collections.abc import Sequence


class EnvironmentProblem(NamedTuple):
    """Why a setting could not be taken from the environment. Never holds the value.

    Attributes:
        variable: name of the environment variable.
        setting: path of the setting that needs it ("hosts.vps.address").
        reason: what is wrong, said of the variable ("is not set").
        missing: whether it is unset or empty, not merely unusable.
    """

    variable: str
    setting: str
    reason: str
    missing: bool


def environment_error(whose: str, problems: Sequence[EnvironmentProblem]) -> UsageError:
    """Return the error "environment-missing" or "environment-invalid" for one or more problems.

    Args:
        whose: what needs the settings ("hosts a, b").
        problems: at least one.
    """
    settings: dict[str, list[str]] = {}
    for problem in problems:
        settings.setdefault(f"{problem.variable} {problem.reason}", []).append(problem.setting)
    lines = [f"{what} (for {', '.join(users)})" for what, users in settings.items()]
    missing = any(problem.missing for problem in problems)
    return UsageError(
        "environment-missing" if missing else "environment-invalid",
        lines[0] if len(lines) == 1 else _summary(whose, problems),
        hint="export it in your shell, or pass it in the job's `env:` in a workflow"
        if missing
        else "correct its value; docs/inventory.md says what each setting takes",
        details=() if len(lines) == 1 else lines,
    )


def _summary(whose: str, problems: Sequence[EnvironmentProblem]) -> str:
    variables = dict.fromkeys(problem.variable for problem in problems)
    return f"{whose}: missing or unusable in the environment: {listing(variables)}"
