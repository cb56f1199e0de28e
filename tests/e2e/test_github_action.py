"""The action and the example workflow as a runner executes them, against a real VPS."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE, Client
from tests.e2e.interruption import HEALTH, PULL, SLOW_TO_STOP, prepare
from tests.e2e.invariants import assert_sound, settle
from tests.e2e.steps import WORKFLOW, running
from tests.thorough import thorough
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD, HOSTILE_LOGS, NEVER_HEALTHY
from tests.vps.world import Vps
from tests.workflow_runner import ROOT, Ran, Runner, commands

OLD, NEW = GOOD[0].tag, GOOD[1].tag
WORKFLOW_FILE = ROOT / "docs/examples/deploy-compose.yml"
# Where Python's packages come from is the machine's business.
_PASSED_ON = ("PIP_", "SSL_", "REQUESTS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "LANG")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUNNER_TEMP of a machine on which the action was used already; test processes share it."""
    own = tmp_path_factory.getbasetemp()
    temp = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "runner"
    temp.mkdir(exist_ok=True)
    with (temp / "installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = Runner(temp, temp, _machine(temp)).install()
    assert ran.exit_status == 0, ran.log
    return temp


@pytest.fixture
def runner(installed: Path, tmp_path: Path) -> Runner:
    """A runner with a checkout in which there is nothing yet."""
    return Runner(tmp_path, installed, _machine(tmp_path))


@pytest.fixture
def act(runner: Runner, vps: Vps) -> Act:
    """The action, used for a pristine VPS."""
    return Act(runner, vps)


class Act:
    """The action, as a workflow for one VPS uses it."""

    def __init__(self, runner: Runner, vps: Vps) -> None:
        self.runner = runner
        self.vps = vps
        self.inputs = {
            "service": SERVICE,
            "host": vps.host,
            "user": "deploy",
            "ssh_key": vps.private_key_text,
        }
        self.write_inventory(vps.port, f'host_key = "{vps.fingerprint()}"')

    def write_inventory(self, port: int, trust: str, *more: str, patience: str = "20s") -> None:
        """The inventory of the README: what is secret comes from the environment."""
        (self.runner.workspace / "inventory.toml").write_text(
            '[hosts.vps]\naddress = { env = "VPS_HOST" }\nuser = { env = "VPS_USER" }\n'
            f'ssh_key = {{ env = "DEPLOY_SSH_KEY", optional = true }}\nport = {port}\n{trust}\n'
            f'[services.{SERVICE}]\nmodel = "compose"\nhosts = ["vps"]\n'
            f'directory = "/opt/infra"\nhealth_timeout = "{patience}"\n'
            f"compose_files = {json.dumps([*COMPOSE_FILES, *more])}\n"
        )

    def append_to_inventory(self, text: str) -> None:
        with (self.runner.workspace / "inventory.toml").open("a") as file:
            file.write(text)

    def __call__(self, tag: str = "", **inputs: str) -> Ran:
        """Use it; a deploy unless told otherwise."""
        return self.runner.action(**{**self.inputs, "tag": tag, **inputs})

    def deployed(self, tag: str) -> Ran:
        """Deploy, which has to succeed."""
        ran = self(tag)
        assert ran.exit_status == 0, ran.log
        assert self.vps.served() == tag
        return ran


def _machine(home: Path) -> dict[str, str]:
    """What a hosted runner has in its environment; its Python is the one that runs the tests."""
    passed_on = {n: v for n, v in os.environ.items() if n.upper().startswith(_PASSED_ON)}
    path = f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin"
    return {**passed_on, **WORKFLOW, "CI": "true", "HOME": str(home), "PATH": path}


def _only_error(ran: Ran) -> tuple[str, str]:
    (error,) = ran.annotations()
    return error.properties["title"], error.data


# ---------------------------------------------------------------- good ends


def test_a_deploy_a_no_op_a_status_and_a_rollback_set_outputs_and_a_summary(act: Act) -> None:
    digest = act.vps.digest(NEW)
    act.deployed(OLD)

    deployed = act(NEW, digest=digest)
    again = act(NEW, digest=digest)
    asked = act(command="status")
    rolled_back = act(command="rollback")

    assert deployed.exit_status == 0, deployed.log
    run = host.history(act.vps)[2]["run"]
    assert deployed.outputs == {
        "tag": NEW,
        "previous-tag": OLD,
        "digest": digest,
        "outcome": "succeeded",
        "run": run,
        "exit-status": "0",
    }
    assert f"| vps | deployed | `{OLD}` | `{NEW}` | `{digest}` |" in deployed.summary
    assert f"deployctl rollback {SERVICE}" in deployed.summary
    assert "gates passed on vps" in deployed.summary
    assert not deployed.annotations()
    assert (again.outputs["outcome"], again.outputs["run"]) == ("unchanged", "")
    assert asked.outputs["outcome"] == "in-sync"
    assert (asked.outputs["tag"], asked.outputs["previous-tag"]) == (NEW, OLD)
    assert rolled_back.exit_status == 0, rolled_back.log
    assert (rolled_back.outputs["tag"], rolled_back.outputs["previous-tag"]) == (OLD, NEW)
    assert f"deployctl deploy {SERVICE} {NEW}" in rolled_back.summary
    assert act.vps.served() == OLD
    recorded = host.history(act.vps)[-1]
    assert (recorded["by"], recorded["source"]) == ("kim", "github-actions")


def test_the_example_workflow_hands_its_inputs_and_secrets_to_the_action(act: Act) -> None:
    secrets = {
        "VPS_HOST": act.vps.host,
        "VPS_USER": "deploy",
        "DEPLOY_SSH_KEY": act.vps.private_key_text,
    }
    inputs = {"service": SERVICE, "image-tag": NEW, "digest": act.vps.digest(NEW)}

    ran = act.runner.job(WORKFLOW_FILE, "deploy", inputs=inputs, secrets=secrets)
    without_digest = act.runner.job(
        WORKFLOW_FILE, "deploy", inputs={**inputs, "image-tag": OLD, "digest": ""}, secrets=secrets
    )

    assert ran.exit_status == 0, ran.log
    assert f"`{NEW}`" in ran.summary
    assert without_digest.exit_status == 2, without_digest.log
    assert "--digest is empty" in _only_error(without_digest)[1]
    assert act.vps.served() == NEW


@pytest.mark.thorough
def test_a_known_hosts_input_is_a_file_for_the_inventory(act: Act) -> None:
    act.write_inventory(act.vps.port, 'known_hosts = { env = "VPS_KNOWN_HOSTS" }')

    known = act(command="status", known_hosts=act.vps.known_hosts())
    other = act(command="status", known_hosts=act.vps.known_hosts("rsa").replace("AAAA", "AAAB", 1))

    assert known.exit_status == 0, known.log
    assert other.exit_status == 4, other.log


# ---------------------------------------------------------------- refused and failed


def test_what_a_gate_refuses_changes_nothing(act: Act) -> None:
    act.deployed(OLD)
    before = running(act.vps)

    latest = act("latest")
    empty = act("")
    wrong_digest = act(NEW, digest=f"sha256:{'0' * 64}")

    for ran, words in ((latest, "latest"), (empty, "empty"), (wrong_digest, "not the --digest")):
        assert ran.exit_status == 3, ran.log
        assert (ran.outputs["outcome"], ran.outputs["exit-status"]) == ("refused", "3")
        title, message = _only_error(ran)
        assert title == "deployctl: refused, nothing was changed"
        assert words in message
        assert "nothing on the host was changed" in ran.summary
    assert running(act.vps) == before


def test_a_release_that_does_not_get_healthy_is_put_back_and_its_log_is_shown(act: Act) -> None:
    act.deployed(OLD)

    ran = act(EXITS_AT_ONCE.tag)

    assert ran.exit_status == 6, ran.log
    last = host.history(act.vps)[-1]
    assert ran.outputs == {
        "tag": EXITS_AT_ONCE.tag,
        "previous-tag": OLD,
        "digest": last["digest"],
        "outcome": "restored",
        "run": last["run"],
        "exit-status": "6",
    }
    title, message = _only_error(ran)
    assert title == "deployctl: failed, the previous release is back"
    assert f"state: {OLD} is back and healthy" in message
    assert "FATAL: DATABASE_URL is not set" in ran.summary
    assert [c.name for c in commands(ran.stderr)] == ["group", "endgroup", "error"]
    assert act.vps.served() == OLD


def test_what_a_container_prints_forges_neither_a_command_nor_an_output(act: Act) -> None:
    act.deployed(OLD)
    act.write_inventory(act.vps.port, f'host_key = "{act.vps.fingerprint()}"', patience="4s")

    ran = act(HOSTILE_LOGS.tag)

    assert ran.exit_status == 6, ran.log
    assert ran.outputs["tag"] == HOSTILE_LOGS.tag
    assert [command.name for command in commands(ran.stderr)] == ["group", "endgroup", "error"]
    assert not commands(ran.summary.replace("```", ""))
    assert "the last honest line" in ran.summary
    assert "the last honest line" in ran.stderr
    assert "DATABASE_URL=postgres://app:***@db/app PASSWORD=***" in ran.summary
    assert "hunter2" not in ran.log + ran.summary


@pytest.mark.thorough
def test_a_containers_log_stays_out_of_a_job_and_is_there_at_a_terminal(
    act: Act, client: Client
) -> None:
    client = Client(_beside(client.directory))
    client.write_inventory({"vps": act.vps})
    act.deployed(OLD)
    act.write_inventory(act.vps.port, f'host_key = "{act.vps.fingerprint()}"')
    act.append_to_inventory("[github]\ncontainer_log = false\n")

    ran = act(EXITS_AT_ONCE.tag)

    assert ran.exit_status == 6, ran.log
    assert "FATAL" not in ran.log + ran.summary
    command = f"deployctl follow vps {ran.outputs['run']}"
    assert command in ran.summary
    assert command in ran.stderr
    followed = client.run(*command.split()[1:])
    assert "FATAL: DATABASE_URL is not set" in followed.stderr


def test_a_host_that_cannot_be_reached_is_named_and_fails_the_step(
    runner: Runner, vps: Vps
) -> None:
    act = Act(runner, vps)
    act.write_inventory(1, f'host_key = "{vps.fingerprint()}"')

    ran = act(NEW)

    assert ran.exit_status == 4, ran.log
    assert ran.outputs["outcome"] == "unreachable"
    assert ran.outputs["tag"] == NEW
    assert "127.0.0.1" in _only_error(ran)[1]
    assert host.history(vps) == []


# ---------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ("host", "VPS_HOST"),
        *(thorough(*each) for each in (("user", "VPS_USER"), ("ssh_key", "DEPLOY_SSH_KEY"))),
    ],
)
def test_an_empty_secret_is_named(act: Act, given: str, variable: str) -> None:
    ran = act(NEW, **{given: ""})

    assert ran.exit_status == 2, ran.log
    assert ran.outputs["outcome"] == "usage"
    message = _only_error(ran)[1]
    assert f"{variable} is set but empty" in message
    assert "secrets: inherit" in message
    assert f"{variable}" in ran.summary.replace("&#95;", "_")


BROKEN_FORMS: dict[str, Callable[[str], str]] = {
    "without its last newline": lambda key: key.rstrip("\n"),
    "with CRLF": lambda key: key.replace("\n", "\r\n"),
    "with literal line breaks": lambda key: key.replace("\n", "\\n"),
    "on one line": lambda key: " ".join(key.split("\n")),
    "indented, in quotes": lambda key: '"' + key.replace("\n", "\n    ") + '"',
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
}


def test_a_key_works_however_it_was_pasted_and_is_never_shown(act: Act) -> None:
    key = act.vps.private_key_text
    body = key.splitlines()[1:-1]
    for name, paste in BROKEN_FORMS.items():
        ran = act(command="status", ssh_key=paste(key))

        assert ran.exit_status == 0, (name, ran.log)
        assert not any(line in ran.log + ran.summary for line in body)


def test_what_is_no_key_is_told_apart_and_not_shown(act: Act) -> None:
    key = act.vps.private_key_text
    body = key.splitlines()[1:-1]
    for pasted, exit_status, words in (
        (key[: len(key) // 2], 4, "cut off"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA deployctl", 2, "is a public key"),
        ("~/.ssh/id_ed25519", 2, "holds the path of a file"),
    ):
        ran = act(NEW, ssh_key=pasted)

        assert ran.exit_status == exit_status, ran.log
        message = _only_error(ran)[1]
        assert "DEPLOY_SSH_KEY" in message
        assert words in message
        assert not any(line in ran.log + ran.summary for line in body)


def test_wrong_inputs_are_explained_without_being_executed(act: Act) -> None:
    for inputs, words in (
        ({"command": "destroy; touch pwned"}, "must be deploy, rollback or status"),
        ({"command": "rollback", "digest": "sha256:0"}, "takes no digest"),
        ({"known_hosts": " \n"}, "known-hosts is empty"),
        ({"service": "$(touch pwned)"}, "$(touch pwned)"),
        ({"service": "--json"}, "--json"),
        ({"wait": "`touch pwned`"}, "--wait"),
    ):
        ran = act(NEW, **inputs)

        assert ran.exit_status == 2, ran.log
        assert (ran.outputs["outcome"], ran.outputs["exit-status"]) == ("usage", "2")
        assert words in _only_error(ran)[1]
    assert not list(act.runner.workspace.glob("**/pwned"))


# ---------------------------------------------------------------- a cancelled job


def test_a_cancelled_job_says_that_the_run_goes_on_and_it_does(
    act: Act, client: Client, vps: Vps
) -> None:
    client = Client(_beside(client.directory))
    prepare(vps, client, HEALTH)
    act.write_inventory(vps.port, f'host_key = "{vps.fingerprint()}"', SLOW_TO_STOP)

    with act.runner.start_action(**act.inputs, tag=NEVER_HEALTHY.tag) as step:
        host.await_step(vps, "health")
        ran = step.cancel()

    assert ran.exit_status == 130, ran.log
    run = host.history(vps)[-1]["run"]
    assert ran.outputs["run"] == run
    assert (ran.outputs["outcome"], ran.outputs["exit-status"]) == ("interrupted", "130")
    assert f"deployctl follow vps {run}" in _only_error(ran)[1]
    assert "goes on there by itself" in ran.summary
    followed = client.run("follow", "vps", run)
    assert followed.exit_status == HEALTH.exit_status, followed.text
    settle(vps)
    assert assert_sound(vps, client) == HEALTH.serves


@pytest.mark.thorough
def test_a_job_that_is_cancelled_before_the_change_leaves_the_host_alone(
    act: Act, client: Client, vps: Vps
) -> None:
    client = Client(_beside(client.directory))
    prepare(vps, client, PULL)

    with (
        host.registry_stalled(vps),
        act.runner.start_action(**act.inputs, tag=PULL.tag) as step,
    ):
        host.await_pull(vps)
        ran = step.cancel()

    assert ran.exit_status == 130, ran.log
    assert "nothing on the host was changed" in ran.summary
    settle(vps)
    assert assert_sound(vps, client) == PULL.before


@pytest.mark.thorough
def test_a_step_that_has_to_be_killed_leaves_a_run_that_ends_by_itself(
    act: Act, client: Client, vps: Vps
) -> None:
    client = Client(_beside(client.directory))
    prepare(vps, client, HEALTH)
    act.write_inventory(vps.port, f'host_key = "{vps.fingerprint()}"', SLOW_TO_STOP)

    with act.runner.start_action(**act.inputs, tag=NEVER_HEALTHY.tag) as step:
        host.await_step(vps, "health")
        # A machine that hangs: neither SIGINT nor SIGTERM gets through.
        step.process.send_signal(signal.SIGSTOP)
        ran = step.cancel()

    assert ran.exit_status == -signal.SIGKILL
    assert ran.outputs["exit-status"] == ""
    settle(vps)
    assert host.history(vps)[-1]["event"] == HEALTH.outcome
    assert assert_sound(vps, client) == HEALTH.serves


def _beside(directory: Path) -> Path:
    """Another machine's directory: the checkout has an inventory of its own."""
    other = directory / "client"
    other.mkdir()
    return other
