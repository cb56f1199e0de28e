"""Pure: what is said of a result, and to whom.

A person at a terminal sees a container's log as it is. In CI, whoever can read the repository can
read the job's log, for months: there, what looks like a secret is taken out of all that is said,
the JSON document included. The secrets that deployctl itself was given are said nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast

from deployctl import workflow_events
from deployctl.errors import BrokenError, DeployctlError, RestoredError
from deployctl.release import suggest

if TYPE_CHECKING:
    from deployctl.inventory import Inventory

T = TypeVar("T")
_Lines = Callable[[Sequence[str]], Sequence[str]]

LEFT_OUT = "the log is left out here: the inventory says container_log = false"
_COMPOSE_SAID = "compose-invalid"


class Publication:
    """What may be said of results and errors.

    Args:
        environment: GITHUB_ACTIONS and CI tell who can read it.
        inventory: whose secrets are said nowhere; None: it could not be read.
    """

    def __init__(self, environment: Mapping[str, str], inventory: Inventory | None = None) -> None:
        in_github = workflow_events.in_workflow(environment)
        in_ci = environment.get("CI", "").lower() not in {"", "0", "false"}
        self._leaves_logs_out = in_github and not (
            inventory is None or inventory.github.container_log
        )
        self._tell = _telling(inventory.secrets if inventory else (), public=in_github or in_ci)

    def without_logs(self, value: T) -> T:
        """Return it without what containers and Compose said, where the inventory asks for that."""
        return _changed(value, _without_log) if self._leaves_logs_out else value

    def _without_secrets(self, value: T) -> T:
        """Return it with `***` for each secret."""
        tell = self._tell
        if tell is None:
            return value

        def redacted(part: Any) -> Any:
            if isinstance(part, str) and not isinstance(part, Enum):
                return "\n".join(tell(part.split("\n")))
            if type(part) is tuple and part and all(type(line) is str for line in part):
                return tuple(tell(part))  # lines of one text: a key has several
            return None

        return _changed(value, redacted)

    def of(self, value: T) -> T:
        """Return what is left of a result, an error or an event."""
        return self._without_secrets(self.without_logs(value))


def _telling(secrets: Sequence[str], *, public: bool) -> _Lines | None:
    """Return what takes secrets out of lines; None: there are none to take out."""
    if not secrets and not public:
        return None
    from deployctl.render.secrets.known import exactly

    without_known = exactly(secrets)
    if not public:
        return lambda lines: [without_known(line) for line in lines]
    from deployctl.render.secrets.redaction import redact

    return lambda lines: redact([without_known(line) for line in lines])


def _without_log(part: Any) -> Any:
    """Return an error, or the failure of a host, without the log that it quotes."""
    from deployctl.release.results import HostOutcome

    if isinstance(part, HostOutcome) and part.error and _quotes_a_log(part.error):
        run = part.error.about.get("run", "")
        return replace(part, error=_with(part.error, details=_instead(part.host, run)))
    if isinstance(part, DeployctlError) and _quotes_a_log(part):
        return _with(part, details=(LEFT_OUT,))
    if getattr(part, "code", "") == _COMPOSE_SAID and getattr(part, "details", ()):
        return replace(part, details=(LEFT_OUT,))  # a finding of a check
    return None


def _quotes_a_log(error: DeployctlError) -> bool:
    quotes = isinstance(error, RestoredError | BrokenError) or error.code == _COMPOSE_SAID
    return quotes and bool(error.details)


def _instead(host: str, run: str) -> tuple[str, ...]:
    command = suggest.deployctl("follow", host, run=run)
    return (f"{LEFT_OUT}; at a terminal, this shows it:", command) if command else (LEFT_OUT,)


# ---------------------------------------------------------------- changing parts of values


def _changed(value: T, change: Callable[[Any], Any]) -> T:
    """Return a value with its parts changed.

    Args:
        value: any that results, errors and events are made of; it stays as it is.
        change: returns what stands for a part; None: look into it.
    """
    whole: Any = value
    instead = change(whole)
    if instead is not None:
        whole = instead
    elif isinstance(whole, DeployctlError):
        whole = _with(whole, **{n: _changed(part, change) for n, part in vars(whole).items()})
    elif is_dataclass(whole) and not isinstance(whole, type):
        parts = {field.name: getattr(whole, field.name) for field in fields(whole)}
        whole = replace(whole, **{name: _changed(part, change) for name, part in parts.items()})
    elif isinstance(whole, Mapping):
        whole = {key: _changed(part, change) for key, part in whole.items()}
    elif isinstance(whole, tuple) and hasattr(whole, "_make"):
        whole = type(whole)(*(_changed(part, change) for part in whole))
    elif isinstance(whole, tuple | list):
        whole = type(whole)(_changed(part, change) for part in whole)
    return cast("T", whole)


def _with(error: DeployctlError, **parts: Any) -> DeployctlError:
    """Return an error like another one, but for some of its parts."""
    kind = type(error)
    other = kind.__new__(kind)
    vars(other).update({**vars(error), **parts})
    other.args = (other.message,)
    return other
