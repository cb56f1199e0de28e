"""One `[hosts.NAME]` table → a `Host`, or what the environment lacks for it."""

from __future__ import annotations

import posixpath
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from deployctl.inventory import checks
from deployctl.inventory.model import EnvironmentProblem, Host
from deployctl.inventory.section import (
    Check,
    Mistake,
    Reader,
    Section,
    T,
    WrongValueError,
    flag,
    span,
    text,
    whole_number,
    wrong,
)
from deployctl.inventory.text import key_path

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


def read_host(
    section: Section, environment: Mapping[str, str], secrets: set[str], *, inventory_path: str
) -> Host | tuple[EnvironmentProblem, ...]:
    """Read one host; what it lacks in the environment is returned, not a mistake in the file.

    Args:
        section: its table.
        environment: where `{ env = "NAME" }` looks names up.
        secrets: gets the names of the variables that secrets are taken from.
        inventory_path: where relative local paths start.
    """
    settings = Settings(section, environment, secrets)
    local_file = partial(
        checks.local_file,
        home=environment.get("HOME"),
        base=posixpath.dirname(inventory_path),
    )
    host = Host(
        name=str(section.path[-1]),
        address=settings.text("address", checks.address, required=True) or "",
        port=settings.value("port", whole_number(1, 65535), checks.port),
        user=settings.text("user", checks.user),
        private_key=settings.secret("ssh_key", checks.private_key),
        private_key_source=settings.variables.get("ssh_key", ""),
        passphrase=settings.secret("passphrase", checks.passphrase),
        identity_file=settings.text("identity_file", local_file),
        host_key=settings.text("host_key", checks.host_key),
        host_key_source=settings.variables.get("host_key", ""),
        known_hosts=settings.text("known_hosts", local_file),
        proxy_jump=settings.text("proxy_jump", checks.proxy_jump),
        connect_timeout=settings.value(
            "connect_timeout", span(checks.positive_duration), checks.positive_duration
        )
        or Host.connect_timeout,
        sudo=section.take("sudo", flag, stand_in=False),
    )
    section.refuse_both("ssh_key", "identity_file")
    section.refuse_both("host_key", "known_hosts")
    section.refuse_rest()
    return tuple(settings.problems) or host


class Settings:
    """The settings of one table, each written out or taken from the environment.

    Attributes:
        problems: what the environment lacks.
        variables: name of the variable that a setting came from, by setting.
        secrets: names of the variables that secrets come from; may be shared with other tables.
    """

    def __init__(
        self, section: Section, environment: Mapping[str, str], secrets: set[str] | None = None
    ) -> None:
        self.secrets = set() if secrets is None else secrets
        self.problems: list[EnvironmentProblem] = []
        self.variables: dict[str, str] = {}
        self._section = section
        self._environment = environment

    def text(self, key: str, check: Check[str], *, required: bool = False) -> str | None:
        """Read a setting that is a string."""
        return self.value(key, text(check, _EXPECTED), check, required=required)

    def secret(self, key: str, check: Check[str]) -> str | None:
        """Read a setting that no file may hold, and whose text is taken as it is."""
        written = self._section.take(key, _environment_reader(_refuse_literal, None), None)
        if written:
            self.secrets.add(written.variable)
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
            found = source.look_up(self._environment)
            if found is None:
                return None
            self.variables[key] = source.variable
            return check(found)
        except ValueError as refusal:
            missing = not self._environment.get(source.variable, "").strip()
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
