"""The way back: which release a rollback goes to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deployctl.release import suggest
from deployctl.release.record import (
    BROKEN,
    INTERRUPTED,
    RESTORED,
    STARTED,
    SUCCEEDED,
    Entry,
    History,
    tag_put_back,
)
from deployctl.release.release import Release, same_release
from deployctl.release.results import RolledBackTo


class NoTarget(Exception):  # noqa: N818 - an answer of the rule, not a failure of the program
    """There is nothing that a rollback could go to.

    Attributes:
        code: a stable word for the reason.
        hint: what to type instead.
    """

    def __init__(self, code: str, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.hint = hint


def stack(entries: Iterable[Entry]) -> list[Entry]:
    """Fold the successes of one service into the releases that a rollback goes down through.

    A deploy pushes its release unless it is on top; a rollback pops until its release is. One to
    a release from before all that was read has popped everything; one to a release that was
    popped before goes forward again, and pushes it.
    """
    releases: list[Entry] = []
    known: list[Entry] = []
    for entry in entries:
        if entry.event != SUCCEEDED:
            continue
        if entry.action == "rollback":
            if any(_same(entry, e) for e in releases):
                while not _same(releases[-1], entry):
                    releases.pop()
            elif not any(_same(entry, e) for e in known):
                releases.clear()
        if not releases or not _same(releases[-1], entry):
            releases.append(entry)
            known.append(entry)
    return releases


def rollback_target(
    history: History,
    service: str,
    running: Release | None,
    *,
    well: bool,
    digests: Sequence[str] = (),
) -> Entry:
    """Return the success that a rollback without a tag goes back to.

    Args:
        history: of the host.
        service: what is to be rolled back.
        running: the release that the service's containers are made of; None: none, or mixed.
        well: whether they all run and are healthy.
        digests: repo digests of the running image.

    Raises:
        NoTarget: there is none, or the history is damaged where it matters.
    """
    _require_readable(history)
    releases = stack(history.of(service))
    if not releases:
        raise _no_success(service)
    position = _position(history, service, releases, running, well=well, digests=digests)
    last = history.last_end(service)
    if last and running and well and _left_nothing_new(last, releases[-1], running, digests):
        raise _nothing_to_undo(service, last, running, _below(releases, position))
    target = _below(releases, position)
    if target is None:
        raise NoTarget(
            "no-older-success",
            f"{releases[0].release.tag} is the oldest release of {service} recorded on this host"
            if not history.truncated
            else f"the part of the history that was read has nothing older than "
            f"{releases[0].release.tag}",
            suggest.hint(
                "name a tag that succeeded here before:", suggest.deployctl("history", service)
            ),
        )
    _require_no_gap_after(history, target, service)
    return target


def target_during_deploy(history: History, service: str) -> Entry:
    """Return what an unnamed rollback goes back to while a deploy of the service is going on.

    That deploy is what shall be undone, however it ends: the release it started from is wanted.

    Raises:
        NoTarget: there is none, or the history is damaged where it matters.
    """
    _require_readable(history)
    target = history.last_success(service)
    if target is None:
        raise _no_success(service)
    _require_no_gap_after(history, target, service)
    return target


def named_target(history: History, service: str, tag: str) -> Entry:
    """Return the last success of a tag that the user named.

    Raises:
        NoTarget: the tag never succeeded on this host, or the history cannot be read.
    """
    _require_readable(history)
    for entry in reversed(history.of(service)):
        if entry.event == SUCCEEDED and entry.release.tag == tag:
            return entry
    tags = dict.fromkeys(e.release.tag for e in reversed(stack(history.of(service))))
    known = list(filter(suggest.is_tag, tags))
    raise NoTarget(
        "never-succeeded",
        f"{tag} never succeeded on this host",
        f"tags that succeeded here: {', '.join(known[:5])}"
        if known
        else suggest.hint("none is recorded:", suggest.deployctl("deploy", service, "TAG")),
    )


def known_good_tags(history: History, service: str, count: int) -> tuple[str, ...]:
    """Return the tags that succeeded last, newest first, `count` at most.

    Those that were rolled back from are among them: the way forward again needs no registry.
    """
    successes = (e for e in reversed(history.of(service)) if e.event == SUCCEEDED)
    return tuple(dict.fromkeys(entry.release.tag for entry in successes))[:count]


def as_target(entry: Entry) -> RolledBackTo:
    """Return what people want to know of a rollback's target."""
    return RolledBackTo(entry.release, entry.at, entry.by)


def _position(
    history: History,
    service: str,
    releases: Sequence[Entry],
    running: Release | None,
    *,
    well: bool,
    digests: Sequence[str],
) -> int | None:
    """Index of what runs in the stack; None: it is not in there, or does not count."""
    last = history.last_end(service)
    unsettled = last is not None and last.event in {STARTED, BROKEN, INTERRUPTED}
    if running is None or (unsettled and not well):
        return None
    if last and _came_unrecorded(last, running) and not _same_as(releases[-1], running):
        return None
    for index in range(len(releases) - 1, -1, -1):
        if same_release(releases[index].release, running, digests):
            return index
    return None


def _came_unrecorded(last: Entry, running: Release) -> bool:
    """Whether what runs is what the last run, a deploy that left no outcome, was to bring."""
    unknown = last.event in {STARTED, INTERRUPTED} and last.action == "deploy"
    return unknown and _same_as(last, running)


def _same_as(entry: Entry, running: Release) -> bool:
    return (entry.release.tag, entry.release.image_id) == (running.tag, running.image_id)


def _below(releases: Sequence[Entry], position: int | None) -> Entry | None:
    if position is None:
        return releases[-1]
    return releases[position - 1] if position > 0 else None


def _left_nothing_new(last: Entry, newest: Entry, running: Release, digests: Sequence[str]) -> bool:
    """Whether the last run did not succeed, and what serves is what served before it.

    That may be what the run itself was to bring: a redeploy of what ran.
    """
    if last.event == SUCCEEDED:
        return False
    if last.event == RESTORED and not tag_put_back(last):
        # It had no tag of the service's, so it cannot be compared.
        return not same_release(last.release, running, digests)
    before = last.previous or newest.release
    if last.event != RESTORED and same_release(last.release, running, digests):
        return same_release(before, running, digests)
    return any(same_release(release, running, digests) for release in (before, newest.release))


def _no_success(service: str) -> NoTarget:
    return NoTarget(
        "no-success",
        f"no successful deploy of {service} is recorded on this host",
        suggest.hint(
            "deploy a tag that is known to work:", suggest.deployctl("deploy", service, "TAG")
        ),
    )


def _nothing_to_undo(
    service: str, last: Entry, running: Release, further: Entry | None
) -> NoTarget:
    run = f"the {last.action} of {last.release.tag}"
    hint = (
        suggest.hint(
            "to go further back:", suggest.deployctl("rollback", service, tag=further.release.tag)
        )
        if further
        else "there is no older recorded release to go to"
    )
    if last.event == RESTORED:
        return NoTarget(
            "already-put-back",
            f"{run} failed and {running.tag} was put back by itself: there is nothing to undo",
            hint,
        )
    return NoTarget(
        "nothing-to-undo",
        f"{run} did not succeed, and {running.tag} serves as before: there is nothing to undo",
        hint,
    )


def _require_readable(history: History) -> None:
    if not history.readable:
        raise NoTarget(
            "history-unreadable",
            "the history file is there but cannot be read, so the way back is not known",
            "look at the file's owner and permissions on the host",
        )


def _require_no_gap_after(history: History, target: Entry, service: str) -> None:
    """A missing line behind the target may be the success that should have been the target."""
    position = history.entries.index(target)
    if any(gap > position for gap in history.gaps):
        raise NoTarget(
            "history-damaged",
            f"lines are missing in the history after {target.release.tag}, "
            "so it may not be the previous release",
            suggest.hint(
                "name the tag, if it is right:",
                suggest.deployctl("rollback", service, tag=target.release.tag),
            ),
        )


def _same(one: Entry, other: Entry) -> bool:
    return same_release(
        one.release, other.release, (other.release.digest,) if other.release.digest else ()
    )
