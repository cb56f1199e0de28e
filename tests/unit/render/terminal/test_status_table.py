"""What runs where, and below it what is not well."""

from __future__ import annotations

import io

import pytest

from deployctl.release.release import Release
from deployctl.release.results import Health, State, StatusResult, UnfinishedRun
from tests.unit.render.samples import NEW, OLD, UNREACHABLE, container, in_sync
from tests.unit.render.terminal.shown import lines_of, status_of

GOING_ON = UnfinishedRun(
    "20251123t115950z-9f3c1a07",
    "sam@desk",
    "deploy",
    "enforcer-backend",
    NEW.tag,
    "2025-11-23T11:59:50Z",
)


def test_many_rows_are_a_table_with_what_is_wrong_below_its_row() -> None:
    drifted = in_sync(
        host="vps2",
        state=State.UNTRACKED,
        recorded=OLD,
        hold="kim since 2025-11-23T08:00:00Z: migration",
        rollback_image_present=False,
    )
    assert lines_of(status_of(in_sync(), drifted, UNREACHABLE, width=100)) == [
        (
            "HOST  SERVICE           TAG          STATE             HEALTH   SINCE      "
            "BY          ROLLBACK TO"
        ),
        (
            "vps   enforcer-backend  sha-1a2b3c4  in sync           healthy  2 min ago  "
            "kim@laptop  sha-0f9e8d7"
        ),
        (
            "vps2  enforcer-backend  sha-1a2b3c4  untracked (hold)  healthy  2 min ago  "
            "kim@laptop  sha-0f9e8d7"
        ),
        "  runs         sha-1a2b3c4 (image 4f4f4f4f4f4f)",
        "  recorded     sha-0f9e8d7 (image 1b1b1b1b1b1b), 3 min ago by kim@laptop",
        "  rollback     the image of sha-0f9e8d7 is not on the host",
        "  hold         kim since 2025-11-23T08:00:00Z: migration",
        "vps3  enforcer-backend  -            unreachable       -        -          -           -",
        "  error        vps3 (203.0.113.9:22) did not answer within 10 s",
        "  next         is the host up, the address right, and the port open in its firewall?",
    ]


def test_a_terminal_of_80_columns_gets_what_matters_most() -> None:
    text = status_of(in_sync(), in_sync(host="vps2"))
    assert lines_of(text)[:2] == [
        "HOST  SERVICE           TAG          STATE    SINCE      BY          ROLLBACK TO",
        "vps   enforcer-backend  sha-1a2b3c4  in sync  2 min ago  kim@laptop  sha-0f9e8d7",
    ]


def test_a_single_row_is_followed_by_all_that_is_known() -> None:
    assert lines_of(status_of(in_sync()))[2:] == [
        "  health       healthy, 1 container",
        "  since        2025-11-23T11:57:00Z (2 min ago)",
        "  deployed     2025-11-23T11:56:58Z (3 min ago) by kim@laptop",
        "  workflow     https://github.com/example/enforcer/actions/runs/11972345678",
        "  revision     1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
        "  digest",
        f"    {NEW.digest}",
        "  rollback to  sha-0f9e8d7, deployed 2 d ago by kim; its image is on the host",
    ]


def test_output_that_is_piped_is_complete_uncut_and_has_timestamps() -> None:
    row = in_sync(service="a-service-with-a-name-that-is-much-too-long-for-any-terminal" * 2)
    text = status_of(row, row, out=io.StringIO())
    assert row.service in text
    assert "…" not in text
    assert lines_of(text)[0].split() == [
        *("HOST", "SERVICE", "TAG", "STATE", "HEALTH", "SINCE", "BY", "ROLLBACK", "TO")
    ]
    assert lines_of(text)[1].split()[-3:] == ["2025-11-23T11:57:00Z", "kim@laptop", "sha-0f9e8d7"]


HOST, SERVICE = "h" * 63, "s" * 40


def test_names_that_leave_no_room_stand_above_their_row_whole() -> None:
    rows = [in_sync(host=HOST, service=SERVICE), in_sync(host=HOST, service="web")]
    assert lines_of(status_of(*rows, in_sync(), width=60)) == [
        "HOST  SERVICE",
        "  TAG          STATE    SINCE      BY          ROLLBACK TO",
        HOST,
        SERVICE,
        "  sha-1a2b3c4  in sync  2 min ago  kim@laptop  sha-0f9e8d7",
        "web",  # of the same host
        "  sha-1a2b3c4  in sync  2 min ago  kim@laptop  sha-0f9e8d7",
        "vps  enforcer-backend",
        "  sha-1a2b3c4  in sync  2 min ago  kim@laptop  sha-0f9e8d7",
    ]


def test_what_is_no_name_is_cut_where_there_is_no_room_at_all() -> None:
    row = in_sync(running=Release("x" * 100, "", ""), host=HOST)
    assert "x…  in sync" in status_of(row, row)


def test_a_note_of_a_host_is_said_once_whatever_the_number_of_its_services() -> None:
    rows = [in_sync(service=name, notes=("line 3: not JSON", "torn")) for name in "abc"]
    text = status_of(*rows, in_sync(host="vps2", notes=("torn", "torn")), width=120)
    assert [line for line in lines_of(text) if "note" in line] == [
        "  note         line 3: not JSON (told by 3 services of this host)",
        "  note         torn (told by 3 services of this host)",
        "  note         torn",
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            in_sync(state=State.UNTRACKED, recorded=None, unrecorded="its history is damaged"),
            [
                "  runs         sha-1a2b3c4 (image 4f4f4f4f4f4f)",
                "  recorded     nothing: its history is damaged",
            ],
        ),
        (
            in_sync(
                state=State.MIXED,
                running=None,
                containers=(container(), container(), container(OLD)),
            ),
            [
                "  runs         sha-1a2b3c4 (image 4f4f4f4f4f4f) in 2 containers",
                "  runs         sha-0f9e8d7 (image 1b1b1b1b1b1b) in 1 container",
                "  recorded     sha-1a2b3c4 (image 4f4f4f4f4f4f), 3 min ago by kim@laptop",
            ],
        ),
        (
            in_sync(
                state=State.UNHEALTHY, containers=(container(health=Health.UNHEALTHY, restarts=3),)
            ),
            ["  container    infra-enforcer-backend-1: running, unhealthy, 3 restarts"],
        ),
        (
            in_sync(containers=(container(restarts=1, recent_restarts=1),)),
            [
                "  container    infra-enforcer-backend-1: running, healthy, 1 restart, the last 2",
                "               min ago",
            ],
        ),
        (
            in_sync(
                state=State.NOT_RUNNING, containers=(container(status="exited", exit_code=137),)
            ),
            [
                "  next         this brings it back:",
                "               deployctl rollback enforcer-backend sha-1a2b3c4",
                "  container    infra-enforcer-backend-1: exited, exit status 137",
            ],
        ),
        (
            in_sync(state=State.NOT_RUNNING, containers=(), recorded=None),
            ["  containers   none"],
        ),
        (
            in_sync(run_in_progress=UnfinishedRun()),
            ["  busy         another deployctl run"],
        ),
        (
            in_sync(run_in_progress=GOING_ON),
            [
                "  busy         deploy of enforcer-backend sha-1a2b3c4 by sam@desk, since",
                "               2025-11-23T11:59:50Z (10 s ago)",
                "  next         watch it:",
                f"               deployctl follow vps {GOING_ON.run}",
            ],
        ),
        (
            in_sync(
                state=State.INTERRUPTED,
                running=None,
                interrupted_run=GOING_ON,
                containers=(container(status="exited"),),
            ),
            [
                "  runs         nothing",
                "  last run     deploy of enforcer-backend sha-1a2b3c4 by sam@desk, since",
                "               2025-11-23T11:59:50Z (10 s ago)",
                "  outcome      none: it was killed, the host went down, or its record is damaged",
                "  recorded     sha-1a2b3c4 (image 4f4f4f4f4f4f), 3 min ago by kim@laptop",
                "  next         this brings it back, and this says how far the run came:",
                "               deployctl rollback enforcer-backend sha-1a2b3c4",
                f"               deployctl follow vps {GOING_ON.run}",
                "  container    infra-enforcer-backend-1: exited, exit status 0",
            ],
        ),
        (
            in_sync(
                state=State.INTERRUPTED,
                running=None,
                interrupted_run=GOING_ON,
                notes=("line 3: not JSON",),
            ),
            [
                "  runs         a mixture",
                "  last run     deploy of enforcer-backend sha-1a2b3c4 by sam@desk, since",
                "               2025-11-23T11:59:50Z (10 s ago)",
                "  outcome      none: it was killed, the host went down, or its record is damaged",
                "  recorded     sha-1a2b3c4 (image 4f4f4f4f4f4f), 3 min ago by kim@laptop",
                "  next         see how far it came, then deploy again or roll back:",
                f"               deployctl follow vps {GOING_ON.run}",
                "  note         line 3: not JSON",
            ],
        ),
    ],
)
def test_a_row_that_is_not_well_says_why(row: StatusResult, expected: list[str]) -> None:
    assert lines_of(status_of(row, in_sync()))[2:-1] == expected


def test_while_a_deploy_runs_what_is_recorded_and_what_is_under_way_are_told_apart() -> None:
    row = in_sync(
        state=State.DEPLOYING,
        running=NEW,
        recorded=OLD,
        deployed_at="2025-11-21T09:00:00Z",
        run_in_progress=GOING_ON,
        health="starting",
        containers=(container(health=Health.STARTING),),
        rollback=None,
    )

    _, first, *details = lines_of(status_of(row))
    assert "deploying" in first
    assert "sam@desk" in first
    assert "kim@laptop" not in first
    assert details[:7] == [
        "  runs         sha-1a2b3c4 (image 4f4f4f4f4f4f)",
        "  recorded     sha-0f9e8d7 (image 1b1b1b1b1b1b), 2 d ago by kim@laptop",
        "  under way    deploy of enforcer-backend sha-1a2b3c4 by sam@desk, since",
        "               2025-11-23T11:59:50Z (10 s ago)",
        "  next         watch it:",
        f"               deployctl follow vps {GOING_ON.run}",
        "  container    infra-enforcer-backend-1: running, starting",
    ]
    assert "deployed" not in "".join(details), "what is recorded is told already"


def test_a_run_whose_id_cannot_be_typed_is_not_offered_to_be_followed() -> None:
    row = in_sync(run_in_progress=UnfinishedRun("x; reboot", "a", "deploy", "web", "t", "now"))

    assert "follow" not in status_of(row)


def test_a_single_unreachable_row_shows_the_evidence() -> None:
    assert lines_of(status_of(UNREACHABLE))[2:] == [
        "  error        vps3 (203.0.113.9:22) did not answer within 10 s",
        "               | tried 203.0.113.9",
        "  next         is the host up, the address right, and the port open in its",
        "               firewall?",
    ]


def test_a_missing_way_back_is_explained() -> None:
    row = in_sync(rollback=None, rollback_refusal="sha-1a2b3c4 is the oldest release")
    assert "  rollback to  nothing: sha-1a2b3c4 is the oldest release\n" in status_of(row)


def test_an_image_without_a_digest_is_named_by_its_id() -> None:
    row = in_sync(running=Release("sha-1a2b3c4", "sha256:" + "4f" * 32))
    assert f"  image\n    sha256:{'4f' * 32}\n" in status_of(row)


def test_no_rows_write_nothing() -> None:
    assert status_of() == ""


def test_many_containers_that_are_not_well_are_counted() -> None:
    ill = container(status="dead")
    text = status_of(in_sync(state=State.UNHEALTHY, containers=(ill,) * 25), in_sync())
    assert text.count("exit status 0") == 20
    assert "               and 5 more\n" in text
