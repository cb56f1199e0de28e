"""The inventory: TOML text → frozen, typed values, with all mistakes reported at once."""

from __future__ import annotations

from deployctl.inventory.checks import parse_duration
from deployctl.inventory.parser import load, parse
from deployctl.inventory.values.environment import EnvironmentProblem
from deployctl.inventory.values.gates import Gates, Github, Signature
from deployctl.inventory.values.host import Host, Jump, PinnedKey
from deployctl.inventory.values.inventory import Inventory
from deployctl.inventory.values.service import (
    ComposeService,
    GitopsService,
    Registry,
    Service,
    compose_services,
)

__all__ = [
    "ComposeService",
    "EnvironmentProblem",
    "Gates",
    "Github",
    "GitopsService",
    "Host",
    "Inventory",
    "Jump",
    "PinnedKey",
    "Registry",
    "Service",
    "Signature",
    "compose_services",
    "load",
    "parse",
    "parse_duration",
]
