"""Tags, names, paths and logs that are meant to do harm: refused, or carried literally."""

from __future__ import annotations

import json
import shlex

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE, Client, Ended
from tests.e2e.steps import WORKFLOW
from tests.harmless import assert_harmless
from tests.vps.catalogue import GOOD, HOSTILE_LOGS, NEVER_HEALTHY
from tests.vps.world import INFRA, Vps
from tests.workflow_runner import commands

HOSTILE_DIRECTORY = '/opt/in fra\'s $(touch pwned) `touch pwned` "q" ;touch pwned; é'
HOSTILE_FILE = 'compose/it\'s $(touch pwned) "a" `touch pwned` & file.yml'


def test_paths_with_quotes_spaces_and_commands_in_them_are_carried_literally(
    client: Client, vps: Vps
) -> None:
    directory = shlex.quote(HOSTILE_DIRECTORY)
    vps.run(
        f'cp -a {INFRA} {directory}; cd {directory}; mv {COMPOSE_FILES[1]} "$1"'.replace(
            '"$1"', shlex.quote(HOSTILE_FILE)
        )
    )
    client.write_inventory(
        {"vps": vps}, directory=HOSTILE_DIRECTORY, compose_files=(COMPOSE_FILES[0], HOSTILE_FILE)
    )

    try:
        _deploy_fail_and_roll_back(client, vps)
        recorded = vps.run(f"ls {directory}/.deployctl/history.jsonl").stdout
        pwned = vps.run("find /opt /home /root /tmp -name pwned").stdout
    finally:
        vps.run(f"rm -rf {directory}")

    assert recorded
    assert pwned == ""


def _deploy_fail_and_roll_back(client: Client, vps: Vps) -> None:
    """Through all scripts: probe, fetch, transact with a restore, and follow."""
    for tag in (GOOD[0].tag, GOOD[1].tag):
        deployed = client.run("deploy", SERVICE, tag)
        assert deployed.exit_status == 0, deployed.text
    failed = client.run("deploy", SERVICE, NEVER_HEALTHY.tag)
    assert failed.exit_status == 6, failed.text
    rolled_back = client.run("rollback", SERVICE, GOOD[0].tag)
    assert rolled_back.exit_status == 0, rolled_back.text
    assert vps.served() == GOOD[0].tag
    (row,) = client.run("status", SERVICE, "--json").json["services"]
    assert row["state"] == "in sync"
    assert len(client.run("history", SERVICE, "--json").json["hosts"][0]["entries"]) == 8
    assert vps.db_counter() == 1


def test_hostile_logs_are_shown_without_harm(deployed: Client, vps: Vps) -> None:
    command = ("deploy", SERVICE, HOSTILE_LOGS.tag)
    plain = deployed.run(*command)
    document = deployed.run(*command, "--json")
    in_workflow = Client(deployed.directory, WORKFLOW).run(*command)

    for ended in (plain, document, in_workflow):
        assert ended.exit_status == 6, ended.text
    for ended in (plain, document):
        assert_harmless(ended.text)
    told = [command.name for command in commands(in_workflow.text)]
    assert told == ["warning", "warning", "group", "endgroup", "error"]
    # The words themselves are what people look for.
    for ended in (plain, in_workflow):
        _assert_shows_words(ended)
    # At a terminal it may be the very value that is wrong; in a job's log everybody can read it.
    assert "hunter2" in plain.text
    assert "hunter2" not in in_workflow.text
    assert any("last honest line" in line for line in document.json["error"]["details"])
    assert vps.served() == GOOD[0].tag
    assert [line["event"] for line in host.history(vps)].count("restored") == 3


def _assert_shows_words(ended: Ended) -> None:
    for words in (
        "cleared your screen",
        "a forged annotation",
        "[bold red]markup[/bold red] [/opt/infra]",
        "invalid UTF-8: ",
        f"the last honest line of {HOSTILE_LOGS.tag}",
    ):
        assert words in ended.stderr


def test_a_hostile_history_and_lock_are_shown_without_harm(deployed: Client, vps: Vps) -> None:
    """Whoever can write there can do worse, but not to the person who looks."""
    (line, _) = host.history(vps)
    evil = "\x1b[2J\u202e::error::forged\n::error::x ##[error]y [bold]"
    forged = [
        line | {"seq": 3, "event": "started", "run": "x" * 20, "by": evil, "run_url": evil},
        line | {"seq": 4, "event": "succeeded", "run": "x" * 20, "by": evil, "tag": evil},
    ]
    text = "".join(f"{json.dumps(each)}\n" for each in forged)
    vps.run(f"cat >>{host.HISTORY}", stdin=text)

    with host.lock_held(vps, tag=evil):
        ended = [
            deployed.run(*command)
            for command in (
                ("status",),
                ("history",),
                ("status", "--json"),
                ("history", "--json"),
                ("deploy", SERVICE, GOOD[1].tag),
                ("rollback", SERVICE),
            )
        ]

    for each in ended:
        assert_harmless(each.text)
        assert each.exit_status in {0, 3, 5}, each.text
