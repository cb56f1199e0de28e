"""What a run's events mean for the user: its result, or the error to raise. Pure."""

from __future__ import annotations

from deployctl.compose.ending.asked import Asked
from deployctl.compose.ending.never_begun import (
    CHANGED_MEANWHILE,
    CHANGED_WHILE_WAITING,
    changed_nothing,
    never_begun,
)
from deployctl.compose.ending.out_of_sight import (
    abort_not_known,
    interrupted,
    lost,
    stopped_aborting,
)
from deployctl.compose.ending.outcome import REASONS, notes_of_success, shown_tag, success_entry

__all__ = [
    "CHANGED_MEANWHILE",
    "CHANGED_WHILE_WAITING",
    "REASONS",
    "Asked",
    "abort_not_known",
    "changed_nothing",
    "interrupted",
    "lost",
    "never_begun",
    "notes_of_success",
    "shown_tag",
    "stopped_aborting",
    "success_entry",
]
