"""A question to several hosts: to all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

MAX_PARALLEL = 16

_Subject = TypeVar("_Subject")
_Answer = TypeVar("_Answer")


def in_parallel(
    subjects: Sequence[_Subject], ask: Callable[[_Subject], _Answer]
) -> tuple[_Answer, ...]:
    """Ask all at once, with a bounded number of workers; the answers keep the order."""
    if len(subjects) == 1:
        return (ask(subjects[0]),)
    with ThreadPoolExecutor(max_workers=min(MAX_PARALLEL, max(1, len(subjects)))) as pool:
        return tuple(pool.map(ask, subjects))
