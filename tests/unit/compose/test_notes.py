"""What is worth knowing before a run, and stops nothing."""

from __future__ import annotations

import dataclasses

from deployctl.compose.notes import notes
from deployctl.release.record import STARTED
from deployctl.release.results import Health, UnfinishedRun
from tests.unit.build import IN_ORDER, configuration, container, entry, here, recorded, tag


def test_nothing_remarkable_needs_no_notes() -> None:
    assert notes(here(IN_ORDER)) == ()


def test_what_is_worth_knowing_is_noted() -> None:
    found = dataclasses.replace(
        IN_ORDER,
        history=recorded(entry(1, 1), entry(5, 2), entry(6, 3, STARTED, run="lost")),
        free_kib=1000,
    )
    said = "\n".join(notes(here(found)))

    assert "history: the numbering is broken" in said
    assert "run lost" in said
    assert "0 MiB are free" in said


def test_a_release_that_is_given_up_while_it_may_still_start_is_noted() -> None:
    found = dataclasses.replace(IN_ORDER, configuration=configuration(start_period=90.0))

    (note,) = notes(here(found))
    assert note.startswith("health_timeout is 60 s, and the health check's own start_period 90 s")
    assert notes(here(found, health_timeout=90.0)) == ()


def test_what_a_recreate_left_over_is_noted() -> None:
    left_over = container(
        3, name="x\n", status="created", started_at="0001-01-01T00:00:00Z", replaces=True
    )
    found = dataclasses.replace(IN_ORDER, containers=(container(2), left_over))

    (note,) = notes(here(found))
    assert note == "left over from a recreate that was cut off or failed: 'x\\n'"


def test_runs_that_were_interrupted_are_noted_once_and_not_while_one_goes_on() -> None:
    lines = [entry(seq, 1, STARTED, run=f"lost-{seq}") for seq in range(1, 400)]
    found = dataclasses.replace(IN_ORDER, history=recorded(*lines))

    (note,) = notes(here(found))
    assert note.startswith("399 runs were interrupted, the last of them run lost-399 (deploy of")
    assert notes(here(dataclasses.replace(found, holder=UnfinishedRun()))) == ()


def test_a_rollback_notes_unwell_dependencies_and_changed_files() -> None:
    found = dataclasses.replace(
        IN_ORDER,
        configuration=configuration(dependencies={"db": ""}),
        containers=(container(2), container(7, service="db", health=Health.UNHEALTHY)),
        history=recorded(entry(1, 1, files="00" * 32), entry(2, 2)),
    )
    target = found.history.entries[0]
    said = "\n".join(notes(here(found), target))

    assert "dependency db is not healthy" in said
    assert f"have changed since {tag(1)}" in said
