"""Settings that are written out in the inventory, or taken from the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from deployctl.inventory import checks
from deployctl.inventory.section import (
    Check,
    Mistake,
    Reader,
    Section,
    T,
    WrongValueError,
    flag,
    text,
    wrong,
)
from deployctl.inventory.text import key_path
from deployctl.inventory.values.environment import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXPECTED = 'a string or { env = "NAME" }'
_EMPTY = (
    'is set but empty: in a reusable workflow, pass secrets explicitly or use "secrets: inherit"'
)


class EnvironmentValue(NamedTuple):
    """A setting that is to be taken from the environment: `{ env = "NAME", … }`.

    Attributes:
        variable: name of the variable.
        default: taken when the variable is unset or empty; None: there is none.
        optional: whether an unset variable means that the setting is left out. An empty one is
            an error all the same: that is how a secret arrives that a workflow does not have.
    """

    variable: str
    default: str | None = None
    optional: bool = False

    def look_up(self, environment: Mapping[str, str]) -> str | None:
        """Return the variable's value or the default; None: the setting is left out.

        Raises:
            ValueError: the variable is unset or empty; the reason is said of the variable.
        """
        value = environment.get(self.variable)
        if value is not None and value.strip():
            return value
        if self.default is not None:
            return self.default
        if value is not None:
            raise ValueError(_EMPTY)
        if self.optional:
            return None
        raise ValueError("is not set")


@dataclass
class Environment:
    """Where an inventory is read: what its settings may refer to.

    Attributes:
        variables: of the program's environment, where `{ env = "NAME" }` looks names up.
        directory: of the inventory, where relative local paths start.
        secret_variables: gets the name of each variable that a secret is taken from.
    """

    variables: Mapping[str, str]
    directory: str
    secret_variables: set[str] = field(default_factory=set)

    def local_file(self, written: str) -> str:
        """Accept a path on this computer; see `checks.local_file`."""
        return checks.local_file(written, home=self.variables.get("HOME"), base=self.directory)


class Settings:
    """The settings of one table, each written out or taken from the environment.

    Attributes:
        problems: what the environment lacks.
        variables: name of the variable that a setting came from, by setting.
    """

    def __init__(self, section: Section, environment: Environment) -> None:
        self.problems: list[EnvironmentProblem] = []
        self.variables: dict[str, str] = {}
        self._section = section
        self._environment = environment

    def text(self, key: str, check: Check[T], *, required: bool = False) -> T | None:
        """Read a setting that is a string."""
        return self.value(key, text(check, _EXPECTED), check, required=required)

    def secret(self, key: str, check: Check[str]) -> str | None:
        """Read a setting that no file may hold, and whose text is taken as it is."""
        written = self._section.take(key, _environment_reader(_refuse_literal, None), None)
        if written:
            self._environment.secret_variables.add(written.variable)
        return self._resolve(key, written, check) if written else None

    def value(
        self, key: str, literal: Reader[T], check: Check[T], *, required: bool = False
    ) -> T | None:
        """Read a setting: `literal` where it is written out, `check` where a variable has it."""
        ask = self._section.need if required else self._section.take
        written = ask(key, _environment_reader(literal, check, required=required), None)
        if isinstance(written, EnvironmentValue):
            # A pasted secret often ends in a newline.
            return self._resolve(key, written, lambda found: check(found.strip()))
        return written

    def _resolve(self, key: str, source: EnvironmentValue, check: Check[T]) -> T | None:
        try:
            found = source.look_up(self._environment.variables)
            if found is None:
                return None
            self.variables[key] = source.variable
            return check(found)
        except ValueError as refusal:
            missing = not self._environment.variables.get(source.variable, "").strip()
            setting = key_path((*self._section.path, key))
            self.problems.append(
                EnvironmentProblem(source.variable, setting, str(refusal), missing=missing)
            )
            return None


def _environment_reader(
    literal: Reader[T], check: Check[object] | None, *, required: bool = False
) -> Reader[T | EnvironmentValue]:
    """Return a reader of `{ env = "NAME" }`, or else of whatever `literal` reads.

    Args:
        literal: reads what is written out.
        check: what a default must pass; None: a secret, which cannot have one.
        required: whether the setting must not be optional.
    """

    def read(value: object) -> T | EnvironmentValue:
        if not isinstance(value, dict):
            return literal(value)
        mistakes: list[Mistake] = []
        section = Section(value, (), mistakes)
        source = EnvironmentValue(
            # A secret may have been pasted where its variable's name belongs.
            variable=section.need("env", text(checks.variable, show=check is not None), ""),
            default=section.take("default", text(partial(_kept, check)), None) if check else None,
            optional=False if required else section.take("optional", flag, stand_in=False),
        )
        section.refuse_rest(
            {
                "default": "(a secret does not belong in a file)",
                "optional": "(this setting is always needed)",
            }
        )
        if mistakes:
            raise WrongValueError(*mistakes)
        return source

    return read


def _kept(check: Check[object], value: str) -> str:
    check(value)
    return value


def _refuse_literal(_: object) -> EnvironmentValue:
    raise wrong('a secret does not belong in a file: write { env = "NAME" }')
