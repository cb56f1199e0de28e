"""The whole of deployctl but SSH: command lines against a host with the real scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deployctl import __main__ as program
from deployctl import errors
from tests.host.fake_host import KEPT, REPOSITORY, FakeHost
from tests.inventory_text import host_table, service_table
from tests.unit.build import digest, image_id, tag


@pytest.fixture
def flavour(flavours: dict[str, Any]) -> Any:
    """One shell is enough: the scripts themselves are tested under both."""
    return flavours["dash"]


@pytest.fixture(autouse=True)
def reached(host: FakeHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The inventory leads to the host."""
    (tmp_path / "inventory.toml").write_text(
        host_table()
        + service_table(
            "web",
            'health_timeout = "2s"\nstable = "0s"\n',
            directory=f"{host.root}/opt",
            compose_files=("compose/docker-compose.yml", "compose/web.yml"),
        )
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deployctl.ssh.connection.connect", host.connect)
    for name in ("GITHUB_ACTIONS", "DEPLOYCTL_INVENTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command line with --json; return its status and document."""

    def run_it(*argv: str) -> tuple[int, dict[str, Any]]:
        status = program.run([*argv, "--json"])
        document = json.loads(capsys.readouterr().out)
        assert document["exit_status"] == status
        return status, document

    return run_it


def test_a_deploy_a_rollback_and_another(run: Any, host: FakeHost) -> None:
    for argv, runs in [
        (("deploy", "web", tag(3)), 3),
        (("rollback", "web"), 2),
        (("rollback", "web"), 1),
        (("rollback", "web", tag(3)), 3),
    ]:
        status, _ = run(*argv)
        assert status == 0
        assert host.serves() == runs


def test_going_back_further_than_there_is_is_refused(run: Any, host: FakeHost) -> None:
    run("rollback", "web")

    status, _ = run("rollback", "web")

    assert status == errors.EXIT_REFUSED
    assert host.serves() == 1


def test_what_runs_already_is_left_alone(run: Any, host: FakeHost) -> None:
    before = host.lines()

    status, document = run("deploy", "web", tag(2))

    assert status == 0
    assert "unchanged" in json.dumps(document)
    assert host.lines() == before


def test_what_runs_already_under_another_digest_is_refused(run: Any) -> None:
    assert run("deploy", "web", tag(2), "--digest", digest(2))[0] == 0
    assert run("deploy", "web", tag(2), "--digest", digest(9))[0] == errors.EXIT_REFUSED


def test_what_runs_already_but_was_stopped_is_started_again(run: Any, host: FakeHost) -> None:
    path = host.fake / "containers" / host.containers()[0]["id"]
    path.write_text(path.read_text().replace("running", "exited"))

    assert run("deploy", "web", tag(2))[0] == 0
    assert host.serves() == 2


def test_a_broken_release_is_exit_6_and_a_rollback_then_changes_nothing(
    run: Any, host: FakeHost
) -> None:
    host.push(3, "unhealthy")

    status, document = run("deploy", "web", tag(3))
    assert status == errors.EXIT_RESTORED
    assert "panic: no luck today" in json.dumps(document)

    status, document = run("rollback", "web")
    assert status == errors.EXIT_REFUSED
    assert f"deployctl rollback web {tag(1)}" in json.dumps(document)
    assert host.serves() == 2


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--digest", digest(3)), 0),
        (("--digest", digest(4)), errors.EXIT_REFUSED),
        (("--expect-current", tag(2)), 0),
        (("--expect-current", tag(1)), errors.EXIT_REFUSED),
    ],
)
def test_a_deploy_may_be_tied_to_a_digest_and_to_what_runs(
    run: Any, host: FakeHost, options: tuple[str, ...], status: int
) -> None:
    assert run("deploy", "web", tag(3), *options)[0] == status
    assert host.serves() == (2 if status else 3)


def test_a_tag_that_was_pushed_from_another_commit_is_refused(run: Any, host: FakeHost) -> None:
    host.write(f"images/{image_id(3)}", f"healthy 9999999 {digest(3)} {REPOSITORY}")

    status, document = run("deploy", "web", tag(3))

    assert status == errors.EXIT_REFUSED
    assert "revision-mismatch" in json.dumps(document)


def test_a_tag_that_is_not_in_the_registry_is_refused_with_dockers_words(run: Any) -> None:
    status, document = run("deploy", "web", tag(9))

    assert status == errors.EXIT_REFUSED
    assert "not found" in json.dumps(document)


def test_a_hold_stops_a_deploy_and_lets_a_rollback_pass(run: Any, host: FakeHost) -> None:
    host.set_hold('{"by":"sam","at":"today","reason":"audit"}')

    status, document = run("deploy", "web", tag(3))
    assert status == errors.EXIT_BUSY
    assert "audit" in json.dumps(document)
    assert run("rollback", "web")[0] == 0


def test_a_dry_run_says_what_would_run_and_changes_nothing(run: Any, host: FakeHost) -> None:
    before = (host.lines(), host.containers(), host.kept())

    for argv in (("deploy", "web", tag(3)), ("rollback", "web")):
        status, document = run(*argv, "--dry-run")
        assert status == 0
        assert "docker compose" in json.dumps(document)

    assert (host.lines(), host.containers(), host.kept()) == before


def test_a_rollback_whose_image_is_gone_fetches_the_same_content_again(
    run: Any, host: FakeHost
) -> None:
    forget_image(host, 1)
    assert run("rollback", "web")[0] == 0
    assert host.serves() == 1


def test_a_rollback_does_not_take_other_content_for_the_same_release(
    run: Any, host: FakeHost
) -> None:
    forget_image(host, 1)
    host.push(1, content=5)

    assert run("rollback", "web")[0] == errors.EXIT_REFUSED
    assert host.serves() == 2


def forget_image(host: FakeHost, number: int) -> None:
    """As `docker image prune -a` does."""
    host.write(f"gone/sha256:{number:064x}", "")
    (host.fake / f"tags/{REPOSITORY}:{tag(number)}").unlink()
    (host.fake / f"tags/{KEPT}:{tag(number)}").unlink()


def test_status_says_what_runs_and_where_a_rollback_goes(run: Any) -> None:
    status, document = run("status")
    said = json.dumps(document)

    assert status == 0
    assert "in sync" in said
    assert tag(2) in said
    assert tag(1) in said


def test_a_status_check_notices_what_was_done_by_hand(run: Any, host: FakeHost) -> None:
    path = host.fake / "containers" / host.containers()[0]["id"]
    path.write_text(path.read_text().replace("healthy", "unhealthy"))

    assert run("status")[0] == 0
    assert run("status", "--check")[0] == errors.EXIT_DRIFT


def test_the_history_is_shown_run_by_run_newest_first_and_cut(run: Any) -> None:
    def runs(*options: str) -> list[tuple[str, str]]:
        (on_host,) = run("history", *options)[1]["hosts"]
        return [(each["release"]["tag"], each["outcome"]) for each in on_host["runs"]]

    assert runs() == [(tag(2), "succeeded"), (tag(1), "succeeded")]
    assert runs("--limit", "1") == [(tag(2), "succeeded")]


def test_a_history_that_cannot_be_read_is_an_error(run: Any, host: FakeHost) -> None:
    path = host.state / "history.jsonl"
    path.unlink()
    path.mkdir()

    assert run("history")[0] == errors.EXIT_UNREACHABLE
    assert run("rollback", "web")[0] == errors.EXIT_UNREACHABLE


def test_a_run_is_followed_by_its_id(run: Any, host: FakeHost) -> None:
    last = host.lines()[-1]["run"]

    assert run("follow", "vps", last)[0] == 0
    assert run("follow", "vps", "20251123t120000z-00000000")[0] == errors.EXIT_UNREACHABLE


def test_people_get_the_same_in_words(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (
        ["deploy", "web", tag(3), "--verbose"],
        ["status", "--verbose"],
        ["history"],
        ["rollback", "web", "--dry-run"],
        ["rollback", "web"],
    ):
        assert program.run(argv) == 0
        assert "sha-" in capsys.readouterr().out
    assert host.serves() == 2
