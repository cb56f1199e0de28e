"""The inventory: TOML text → frozen, typed values, with all mistakes reported at once."""

from __future__ import annotations

from deployctl.inventory.checks import parse_duration
from deployctl.inventory.model import (
    ComposeService,
    EnvironmentProblem,
    Gates,
    Github,
    GitopsService,
    Host,
    Inventory,
    Registry,
    Service,
    Signature,
)
from deployctl.inventory.parser import load, parse

__all__ = [
    "ComposeService",
    "EnvironmentProblem",
    "Gates",
    "Github",
    "GitopsService",
    "Host",
    "Inventory",
    "Registry",
    "Service",
    "Signature",
    "load",
    "parse",
    "parse_duration",
]
