"""A whole inventory: what is read, and all mistakes at once."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest

from deployctl.errors import UsageError
from deployctl.inventory import ComposeService, Gates, Host, Jump, PinnedKey, parse
from tests.unit.inventory.documents import (
    ENVIRONMENT,
    FINGERPRINT,
    FULL_EXAMPLE,
    KEY,
    document,
    host,
    mistake,
    mistakes,
    read,
    service,
)


def test_a_whole_inventory_is_read() -> None:
    inventory = parse(FULL_EXAMPLE, ENVIRONMENT, path="inventory.toml")
    assert inventory.host("vps") == Host(
        name="vps",
        address="203.0.113.7",
        user="deploy",
        private_key=KEY,
        private_key_source="DEPLOY_SSH_KEY",
        host_key=PinnedKey(FINGERPRINT, None, "hosts.vps.host_key in the inventory"),
    )
    assert inventory.service("enforcer-backend") == ComposeService(
        name="enforcer-backend",
        hosts=("vps",),
        directory="/opt/infra",
        compose_files=("compose/docker-compose.yml", "compose/enforcer/docker-compose.yml"),
        state_directory="/opt/infra/.deployctl",
    )
    assert inventory.gates == Gates(source_refs=("refs/heads/main",), long_tags=False)


def test_every_setting_of_a_host_is_read() -> None:
    assert host(
        port=2222,
        user="deploy",
        identity_file="/keys/id",
        known_hosts="/keys/known",
        proxy_jump="jump@bastion:2200",
        connect_timeout="1m30s",
        sudo=True,
    ) == Host(
        name="vps",
        address="vps.example.com",
        port=2222,
        user="deploy",
        identity_file="/keys/id",
        known_hosts="/keys/known",
        proxy_jump=(Jump("bastion", "jump", 2200),),
        connect_timeout=90.0,
        sudo=True,
    )


def test_every_setting_of_a_service_is_read() -> None:
    settings = service(
        tag_variable="WEB_TAG",
        health_timeout="2m",
        stable="0s",
        keep=0,
        state_directory="/var/lib/deployctl/",
    )
    assert settings == ComposeService(
        name="web",
        hosts=("vps",),
        directory="/opt/infra",
        compose_files=("compose.yml",),
        tag_variable="WEB_TAG",
        health_timeout=120.0,
        stable=0.0,
        keep=0,
        state_directory="/var/lib/deployctl",
    )


def test_all_mistakes_are_reported_at_once_each_with_its_path() -> None:
    with pytest.raises(UsageError) as caught:
        parse(
            """
            [hosts.vps]
            adress = "vps.example.com"
            port = "22"
            [services.enforcer-backend]
            model = "compose"
            hosts = ["vps", "vps2"]
            directory = "opt/infra"
            compose_files = []
            """,
            {},
            path="inventory.toml",
        )
    error = caught.value
    assert error.message == "inventory.toml has 6 mistakes"
    assert error.details == (
        "inventory.toml: hosts.vps.address: is missing",
        "inventory.toml: hosts.vps.port: expected a whole number, got a string",
        'inventory.toml: hosts.vps.adress: unknown key (did you mean "address"?)',
        'inventory.toml: services.enforcer-backend.hosts[1]: unknown host "vps2" (known: vps)',
        (
            'inventory.toml: services.enforcer-backend.directory: "opt/infra" is not an absolute '
            "path: start it with /"
        ),
        "inventory.toml: services.enforcer-backend.compose_files: is an empty list",
    )


def test_one_mistake_is_not_called_mistakes() -> None:
    with pytest.raises(UsageError) as caught:
        read(document(service={"keep": True}))
    assert caught.value.message == "inventory.toml has 1 mistake"


@pytest.mark.parametrize("text", ["", "[services]", "[hosts.vps]\naddress = 'x'"])
def test_an_inventory_without_a_service_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, {}, path="i.toml")
    assert caught.value.details == (
        "i.toml: services: is missing: an inventory describes at least one service",
    )


def test_nothing_that_was_read_can_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        service().keep = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (document(hosts=[]), "hosts: expected a table, got a list"),
        (document(gates="main"), "gates: expected a table, got a string"),
        (document(gates={"long_tags": 1}), "gates.long_tags: expected true or false, got a number"),
        (
            document(service={"directory": 1}),
            "services.web.directory: expected a string, got a number",
        ),
        (
            document(service={"directory": {"env": "X"}}),
            "services.web.directory: expected a string, got a table",
        ),
        (document(service={"hosts": "vps"}), "services.web.hosts: expected a list, got a string"),
        (
            document(service={"hosts": [1.5]}),
            "services.web.hosts[0]: expected a string, got a number",
        ),
        (
            document(service={"keep": 1.0}),
            "services.web.keep: expected a whole number, got a fraction",
        ),
        (
            document(service={"keep": -1}),
            "services.web.keep: expected a whole number from 0 to 1000",
        ),
        (
            document(host={"user": 0}),
            'hosts.vps.user: expected a string or { env = "NAME" }, got a number',
        ),
        (document(host={"sudo": "yes"}), "hosts.vps.sudo: expected true or false, got a string"),
        (document(host={"port": 65536}), "hosts.vps.port: expected a whole number from 1 to 65535"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(tree: dict[str, Any], expected: str) -> None:
    assert expected in mistakes(tree)


def test_an_unknown_key_is_a_mistake_at_every_level() -> None:
    tree = document(host={"usr": "x"}, service={"xyzzy": 1}, gates={"tags": 1}, service_s={})
    assert mistakes(tree) == [
        'hosts.vps.usr: unknown key (did you mean "user"?)',
        "services.web.xyzzy: unknown key",
        'gates.tags: unknown key (did you mean "long_tags"?)',
        'service_s: unknown key (did you mean "services"?)',
    ]


def test_what_a_service_needs_is_named() -> None:
    assert mistakes({"services": {"web": {}}}) == [
        "services.web.model: is missing",
        "services.web.hosts: is missing",
        "services.web.directory: is missing",
        "services.web.compose_files: is missing",
    ]


def test_a_host_or_service_that_is_not_there_is_answered_with_those_that_are() -> None:
    inventory = read(document())
    with pytest.raises(UsageError) as caught:
        inventory.host("vpss")
    assert caught.value.code == "unknown-host"
    assert caught.value.message == 'unknown host "vpss" in inventory.toml, which has vps'
    assert caught.value.hint == 'type vps instead of "vpss"'
    with pytest.raises(UsageError) as caught:
        inventory.service("x\x1b")
    assert caught.value.code == "unknown-service"
    assert r'unknown service "x\x1b" in inventory.toml, which has ' in caught.value.message
    assert caught.value.hint == (
        "type one of these names, or add the service to the inventory: docs/inventory.md says how"
    )


@pytest.mark.parametrize("bad", ["\n", "\0", "\x1b", "\t", "\x7f", "\x9b", "\ud800"])
@pytest.mark.parametrize(
    "tree",
    [
        lambda bad: document(service={"directory": f"/a{bad}b"}),
        lambda bad: document(service={"compose_files": [f"a{bad}b"]}),
        lambda bad: document(service={"state_directory": f"/a{bad}b"}),
        lambda bad: document(service={"tag_variable": f"a{bad}b"}),
        lambda bad: document(service={"hosts": [f"a{bad}b"]}),
        lambda bad: document(service={"model": f"a{bad}b"}),
        lambda bad: document(gates={"source_refs": [f"refs/heads/a{bad}b"]}),
        lambda bad: document(host={"address": f"a{bad}b"}),
        lambda bad: document(host={"user": f"a{bad}b"}),
        lambda bad: document(host={"identity_file": f"a{bad}b"}),
        lambda bad: document(host={"known_hosts": f"a{bad}b"}),
        lambda bad: document(host={"proxy_jump": f"a{bad}b"}),
        lambda bad: document(host={"host_key": f"a{bad}b"}),
        lambda bad: document(host={"user": {"env": f"a{bad}b"}}),
        lambda bad: {**document(), f"a{bad}b": 1},
    ],
)
def test_control_characters_are_refused_and_shown_escaped(tree: Any, bad: str) -> None:
    found = mistake(tree(bad))
    assert found.isprintable()
    assert bad.encode("unicode_escape").decode() in found


def test_a_long_value_is_not_shown_whole() -> None:
    assert len(mistake(document(service={"directory": "x" * 10_000}))) < 200


def test_nothing_is_listed_twice() -> None:
    tree = document(
        service={"hosts": ["vps", "vps"], "compose_files": ["a.yml", "b.yml", "./a.yml"]}
    )
    assert mistakes(tree) == [
        'services.web.hosts[1]: "vps" is listed twice (first as [0])',
        'services.web.compose_files[2]: "./a.yml" is listed twice (first as [0])',
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ssh_key": {"env": "KEY"}}, {"identity_file": "/id"}),
        ({"host_key": FINGERPRINT}, {"known_hosts": "/known"}),
    ],
)
def test_two_answers_to_one_question_are_a_mistake(one: Any, other: Any) -> None:
    found = mistake(document(host={**one, **other}))
    assert (
        found
        == f"hosts.vps: `{next(iter(one))}` and `{next(iter(other))}` exclude each other: keep one"
    )


def test_reading_an_inventory_imports_nothing_slow() -> None:
    program = (
        "import sys; from deployctl.inventory import parse; parse(sys.stdin.read(), {}, path='i');"
        "print(*sys.modules)"
    )
    imported = subprocess.run(
        [sys.executable, "-c", program],
        input=FULL_EXAMPLE,
        text=True,
        capture_output=True,
        check=True,
    ).stdout.split()
    slow = {"difflib", "hashlib", "pydantic", "paramiko", "fabric", "rich", "typer", "json"}
    assert slow.isdisjoint(imported)
