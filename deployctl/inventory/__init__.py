"""The inventory: TOML text → frozen, typed values, with all mistakes reported at once."""

from __future__ import annotations

from deployctl.inventory.checks import parse_duration
from deployctl.inventory.model import (
    EnvironmentProblem,
    Gates,
    Github,
    Host,
    Inventory,
    Registry,
    Service,
    Signature,
)
from deployctl.inventory.parser import load, parse

__all__ = [
    "EnvironmentProblem",
    "Gates",
    "Github",
    "Host",
    "Inventory",
    "Registry",
    "Service",
    "Signature",
    "load",
    "parse",
    "parse_duration",
]
