"""What probe.sh finds on a host, in good order and in bad."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployctl.compose import preconditions
from deployctl.compose.facts import HostFacts
from deployctl.errors import HostError
from deployctl.inventory import Host
from deployctl.release.record import STARTED
from deployctl.release.results import State
from tests.host.fake_host import DB, WEB, FakeHost, locked
from tests.unit import build
from tests.unit.build import image_id


def code(host: FakeHost, facts: HostFacts) -> str:
    """Why a host cannot take a run; empty: it can."""
    try:
        preconditions.require_ready(facts, host.service, Host(name="vps", address="vps"))
    except HostError as error:
        return error.code
    return ""


def test_a_host_in_good_order_is_described(host: FakeHost) -> None:
    facts = host.probe()

    assert code(host, facts) == ""
    assert {(c.service, c.status) for c in facts.containers or ()} == {
        (WEB, "running"),
        (DB, "running"),
    }
    assert facts.has_image(image_id(2))
    assert facts.history.next_seq == 5
    assert facts.history.size == (host.state / "history.jsonl").stat().st_size
    assert facts.holder is None
    assert facts.hold is None
    assert facts.free_kib
    assert not facts.killed_at_logout


def test_a_host_without_a_run_has_an_empty_history(empty: FakeHost) -> None:
    facts = empty.probe()

    assert code(empty, facts) == ""
    assert facts.history.entries == ()
    assert facts.containers == ()


@pytest.mark.parametrize("word", ["owner", "kind", "link"])
def test_a_probe_finds_a_file_for_the_tag_that_the_deploy_would_refuse(
    host: FakeHost, word: str
) -> None:
    host.service = dataclasses.replace(host.service, persist=True)
    assert host.probe().env_file_problems == ()
    plan = host.plan(3)
    env = host.project_directory / ".env"
    match word:
        case "owner":
            env.touch()
            os.chown(env, 65534, -1)
        case "kind":
            env.mkdir()
        case _:
            env.symlink_to("nowhere/settings")

    facts = host.probe()
    with pytest.raises(HostError) as refused:
        host.run(plan)

    assert [problem.split()[0] for problem in facts.env_file_problems] == [word]
    assert code(host, facts) == refused.value.code == "env-file-foreign"
    assert str(env) in refused.value.hint
    assert host.events()[-1] == "succeeded 2"


def test_a_probe_changes_nothing(host: FakeHost, empty: FakeHost) -> None:
    for each in (host, empty):
        before = snapshot(each.root / "opt")
        each.probe()
        each.probe(change=False)
        assert snapshot(each.root / "opt") == before


def snapshot(directory: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_a_status_does_not_wait_for_compose(host: FakeHost) -> None:
    host.forget_calls()

    host.probe(change=False)

    assert not [call for call in host.calls("probe") if " compose " in call]


@pytest.mark.slow
def test_the_configurations_hash_does_not_depend_on_the_tag_and_does_on_the_files(
    host: FakeHost,
) -> None:
    before = host.probe().configuration
    host.deploy(3)
    after = host.probe().configuration
    host.configure(environment={"DEBUG": "1"})
    edited = host.probe().configuration

    assert before
    assert after
    assert edited
    assert before.hash == after.hash != edited.hash


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", "path-missing"), ("compose/web.yml", "path-missing")],
)
def test_a_directory_or_file_that_is_missing_is_named(
    host: FakeHost, path: str, expected: str
) -> None:
    where = host.root / "opt" / path
    where.rename(where.with_name("elsewhere"))

    assert code(host, host.probe()) == expected


def test_a_directory_in_the_place_of_a_compose_file_is_named(host: FakeHost) -> None:
    path = host.root / "opt/compose/web.yml"
    path.unlink()
    path.mkdir()

    assert code(host, host.probe()) == "path-wrong-kind"


def test_a_compose_file_with_an_absolute_path_is_found(host: FakeHost) -> None:
    absolute = str(host.root / "opt/compose/web.yml")
    service = host.service
    host.service = type(service)(**{**vars(service), "compose_files": (absolute,)})

    assert host.probe().paths == ("ok", "ok")


def test_compose_files_that_compose_refuses_come_with_its_words(host: FakeHost) -> None:
    host.write("compose.broken", "")
    facts = host.probe()

    assert code(host, facts) == "compose-invalid"
    assert "mapping values" in facts.complaints[-1]


@pytest.mark.parametrize(("kind", "problem"), [("fail", "missing"), ("hang", "missing")])
def test_a_docker_that_is_not_there_is_said_to_be(host: FakeHost, kind: str, problem: str) -> None:
    host.hurry = 0.3
    host.break_at("probe", 1, kind, last=99)
    facts = host.probe(change=False)

    assert facts.docker_problem == problem
    assert code(host, facts) == "docker-down"


def test_a_docker_that_listens_and_does_not_answer_is_said_to_be_silent(host: FakeHost) -> None:
    host.break_at("probe", 1, "fail", last=99)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(host.root / "docker.sock"))
        facts = host.probe(change=False)

    assert facts.docker_problem == "silent"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fail", "hang"])
def test_a_fault_at_any_call_of_the_probe_is_an_error_or_facts(host: FakeHost, kind: str) -> None:
    host.forget_calls()
    host.probe()
    host.hurry = 0.3
    calls = len(host.calls("probe"))
    for number in range(1, calls + 1):
        host.forget_calls()
        host.break_at("probe", number, kind)
        code(host, host.probe())


def test_a_lock_that_is_held_names_its_holder(host: FakeHost) -> None:
    with locked(host):
        (host.state / "lock").write_text('{"run":"r","by":"sam","service":"web"}\n')
        facts = host.probe(change=False)
        state = host.status()

    assert facts.holder
    assert facts.holder.by == "sam"
    assert state is State.DEPLOYING


@pytest.mark.parametrize("ended", [True, False])
def test_a_run_that_ends_while_the_history_is_read_was_not_interrupted(
    host: FakeHost, tmp_path: Path, *, ended: bool
) -> None:
    """Its outcome came too late to be read; or it was read, and the lock is still held."""
    begun = build.entry(1, 1, STARTED, run="r")
    lines = [begun, build.entry(2, 1, run="r")] if ended else [begun]
    (host.state / "history.jsonl").write_bytes(build.text(lines))
    with locked(host, until="exec cat") as holder:
        (host.state / "lock").write_text('{"run":"r","by":"sam","service":"web"}\n')
        if not ended:
            _let_go_at_head(host, tmp_path / "tools", holder.pid)
        facts = host.probe(change=False)

    assert (facts.holder.by if facts.holder else "") == ("" if ended else "sam")


def _let_go_at_head(host: FakeHost, tools: Path, holder: int) -> None:
    """Whoever holds the lock goes away when the history is read."""
    tools.mkdir()
    for tool in host.flavour.tools.iterdir():
        if tool.name != "head":
            (tools / tool.name).symlink_to(tool)
    real = host.flavour.tools / "head"
    lock = host.state / "lock"
    (tools / "head").write_text(
        f'#!{tools}/sh\nkill {holder} 2>/dev/null && flock {lock} true\nexec {real} "$@"\n'
    )
    (tools / "head").chmod(0o755)
    host.flavour = type(host.flavour)(host.flavour.name, tools)


def test_a_hold_is_read(host: FakeHost) -> None:
    host.set_hold('{"by":"kim","at":"now","reason":"audit"}')

    hold = host.probe(change=False).hold

    assert hold
    assert hold.text == "held by kim since now: audit"


def test_only_the_end_of_a_long_history_is_read(host: FakeHost) -> None:
    path = host.state / "history.jsonl"
    path.write_bytes(path.read_bytes() * 200)

    history = host.probe(change=False).history

    assert history.truncated
    assert history.size == path.stat().st_size
    assert 0 < len(history.entries) < 800


@pytest.fixture
def foreign(host: FakeHost) -> Iterator[FakeHost]:
    """A file of another user is among deployctl's own."""
    path = host.state / "history.jsonl"
    try:
        subprocess.run(["chown", "nobody", str(path)], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        pytest.skip("giving a file away takes root")
    yield host
    subprocess.run(["chown", "root", str(path)], check=True)


def test_a_file_of_another_user_is_named(foreign: FakeHost) -> None:
    facts = foreign.probe()

    assert code(foreign, facts) == "state-foreign"
    assert facts.foreign_files == (str(foreign.state / "history.jsonl"),)


def test_a_tool_that_is_missing_is_named(host: FakeHost, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in host.flavour.tools.iterdir():
        if tool.name not in {"setsid", "flock"}:
            (tools / tool.name).symlink_to(tool)
    host.flavour = type(host.flavour)("fewer", tools)

    facts = host.probe()

    assert facts.missing_tools == ("flock", "setsid")
    assert code(host, facts) == "tool-missing"
