"""What happens while a command works, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from deployctl.errors import DeployctlError


class Phase(StrEnum):
    """The steps of a run, in their order, as people see them."""

    CONNECT = "connect"
    PROBE = "probe"
    FETCH = "fetch"
    WAIT = "wait"
    TAG = "tag"
    DEPENDENCIES = "dependencies"
    UP = "up"
    HEALTH = "health"
    PERSIST = "persist"
    RESTORE = "restore"


@dataclass(frozen=True)
class StepStarted:
    """A step of a run began on a host; the one before it is over."""

    host: str
    phase: Phase
    detail: str = ""


@dataclass(frozen=True)
class HostStarted:
    """A run turns to a host, the `position`th (from 1) of `count`."""

    host: str
    position: int
    count: int


@dataclass(frozen=True)
class HostFinished:
    """A run is through with a host, well or not."""

    host: str
    error: DeployctlError | None = None


@dataclass(frozen=True)
class Notice:
    """Something worth knowing while a run goes on."""

    host: str
    text: str


Event: TypeAlias = StepStarted | HostStarted | HostFinished | Notice
Observer: TypeAlias = Callable[[Event], None]
