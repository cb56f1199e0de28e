"""The points about room on the disks of a host."""

from __future__ import annotations

from collections.abc import Iterator

from deployctl.compose.facts import Measures
from deployctl.compose.points.finding import Subject, ok, warning
from deployctl.compose.preconditions import LOW_DISK_KIB, make_room
from deployctl.errors import EXIT_UNREACHABLE
from deployctl.release.check import CheckFinding, Severity

# The logs of the runs that are kept, 20 at 1 MiB each, with room for half as much again.
_LOW_STATE_KIB = 30 * 1024
# A log of 1 MiB and the reserve of 64 KiB: with less, an outcome may find no room.
_FULL_STATE_KIB = 1024 + 64


def room(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether there is room for images, and for the record."""
    yield from _image_disk(subject)
    yield from _state_disk(subject)


def _image_disk(subject: Subject) -> Iterator[CheckFinding]:
    measures = subject.measures or Measures()
    free = measures.image_kib
    if free is None:
        return
    # What is pulled lies there twice for a while: as it came, and unpacked.
    needed = max(LOW_DISK_KIB, 2 * measures.largest_image // 1024)
    if free >= needed:
        yield ok("disk", f"{_mib(free)} are free for images")
        return
    yield warning(
        "disk",
        "disk-low",
        f"only {_mib(free)} are free for images: the next may need {_mib(needed)}, twice the "
        f"largest of {subject.service.name} on this host, and 1 GiB at least",
        f"make room, or keep fewer releases (keep = {subject.service.keep} in the inventory):\n"
        "docker system df\ndocker image prune",
    )


def _state_disk(subject: Subject) -> Iterator[CheckFinding]:
    measures = subject.measures or Measures()
    free, where = measures.state_kib, subject.service.state_directory
    if free is None:
        return
    if free < _FULL_STATE_KIB:
        yield CheckFinding(
            "disk",
            "disk-full",
            Severity.PROBLEM,
            f"the disk of {where} is full ({free} KiB free), "
            + (
                f"but for a reserve of {measures.reserve // 1024} KiB, which one run can use"
                if measures.reserve
                else "and there is no reserve left: soon not even a rollback can be recorded"
            ),
            make_room(where),
            exit_status=EXIT_UNREACHABLE,
        )
    elif free < _LOW_STATE_KIB:
        yield warning(
            "disk",
            "disk-low",
            f"only {_mib(free)} are free for the history and the logs in {where}",
            make_room(where),
        )
    else:
        yield ok("disk", f"{_mib(free)} are free for the history")


def _mib(kib: int) -> str:
    gib = 1024 * 1024
    return f"{kib / gib:.1f} GiB" if kib >= gib else f"{kib // 1024} MiB"
