"""What an inventory may say, and what is answered when it says something else."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.errors import EXIT_USAGE, UsageError
from deployctl.inventory import (
    ComposeService,
    Gates,
    GitopsService,
    Host,
    Inventory,
    Jump,
    PinnedKey,
    load,
    parse,
    parse_duration,
)
from deployctl.inventory.parser import LARGEST_FILE, from_document

if TYPE_CHECKING:
    from pathlib import Path

FINGERPRINT = "SHA256:" + "a" * 43
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
ENVIRONMENT = {"VPS_HOST": "203.0.113.7", "VPS_USER": "deploy", "DEPLOY_SSH_KEY": KEY}
FULL_EXAMPLE = f"""
[hosts.vps]
address  = {{ env = "VPS_HOST" }}
user     = {{ env = "VPS_USER" }}
ssh_key  = {{ env = "DEPLOY_SSH_KEY" }}
host_key = "{FINGERPRINT}"

[services.enforcer-backend]
model         = "compose"
hosts         = ["vps"]
directory     = "/opt/infra"
compose_files = ["compose/docker-compose.yml", "compose/enforcer/docker-compose.yml"]
tag_variable  = "IMAGE_TAG"
health_timeout = "60s"
keep          = 5

[gates]
source_refs = ["refs/heads/main"]
"""


def document(
    *, host: dict[str, Any] | None = None, service: dict[str, Any] | None = None, **top: Any
) -> dict[str, Any]:
    """Return a good inventory with some settings of its host `vps` and service `web` changed."""
    return {
        "hosts": {"vps": {"address": "vps.example.com", **(host or {})}},
        "services": {"web": {**SERVICE, **(service or {})}},
        **top,
    }


SERVICE = {
    "model": "compose",
    "hosts": ["vps"],
    "directory": "/opt/infra",
    "compose_files": ["compose.yml"],
}


def read(tree: dict[str, Any], environment: dict[str, str] | None = None) -> Inventory:
    return from_document(tree, environment or {}, path="inventory.toml")


def host(environment: dict[str, str] | None = None, **settings: Any) -> Host:
    return read(document(host=settings), environment).host("vps")


def service(**settings: Any) -> ComposeService:
    return read(document(service=settings)).compose_services[0]


def mistakes(tree: dict[str, Any]) -> list[str]:
    with pytest.raises(UsageError) as caught:
        read(tree)
    assert caught.value.code == "inventory-invalid"
    assert caught.value.exit_status == EXIT_USAGE
    return [line.removeprefix("inventory.toml: ") for line in caught.value.details]


def mistake(tree: dict[str, Any]) -> str:
    (line,) = mistakes(tree)
    return line


def environment_error(settings: dict[str, Any], environment: dict[str, str]) -> UsageError:
    inventory = read(document(host=settings), environment)
    with pytest.raises(UsageError) as caught:
        inventory.host("vps")
    return caught.value


# The whole


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


def test_without_gates_only_main_may_be_deployed_from() -> None:
    assert read(document()).gates == Gates(source_refs=("refs/heads/main",), long_tags=False)


def test_nothing_that_was_read_can_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        service().keep = 1  # type: ignore[misc]


@pytest.mark.parametrize("stable", ["60s", "2m"])
def test_what_has_to_stay_up_longer_than_it_has_time_is_a_mistake(stable: str) -> None:
    (mistake,) = mistakes(document(service={"stable": stable, "health_timeout": "60s"}))
    assert "services.web.stable: must be shorter than health_timeout" in mistake


def test_two_services_cannot_keep_one_variable() -> None:
    one = {**document()["services"]["web"], "persist": True}
    other = {**one, "persist": False}
    tree = {**document(), "services": {"web": one, "api": other}}

    (mistake,) = mistakes(tree)

    assert "services.web.persist: keeps IMAGE_TAG in .env" in mistake
    assert "services.api" in mistake
    other["tag_variable"] = "API_TAG"
    assert read(tree).compose_services[0].persist


# Wrong kinds of values


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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (60, 'expected a duration such as "60s", got a number: write "60s"'),
        (1.5, 'expected a duration such as "60s", got a number'),
        (True, 'expected a duration such as "60s", got a boolean'),
        ("60", '"60" is not a duration: write "60s"'),
        ("soon", '"soon" is not a duration: write it like "60s", "2m", "1m30s" or "500ms"'),
        ("0s", '"0s" is no time at all'),
        ("25h", '"25h" is longer than a day ("24h")'),
    ],
)
def test_a_wrong_duration_is_answered_with_what_to_write(value: object, expected: str) -> None:
    found = mistake(document(service={"health_timeout": value}))
    assert found == f"services.web.health_timeout: {expected}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("60s", 60), ("1.5s", 1.5), ("2m", 120), ("1m30s", 90), ("1h1ms", 3600.001)],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "1", "-1s", "1s1m", "1s 1m", "1S", "٣s", "1s\n", "1e9s"])
def test_what_is_no_duration_is_shown_and_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@given(st.integers(0, 999), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int, ms: int) -> None:
    total = hours * 3600 + minutes * 60 + seconds + ms / 1000
    assert parse_duration(f"{hours}h{minutes}m{seconds}s{ms}ms") == pytest.approx(total)


# Unknown and missing keys


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


def test_a_gitops_service_needs_no_host_and_takes_no_compose_setting() -> None:
    inventory = read({"services": {"web": {"model": "gitops"}}})
    assert inventory.services["web"] == GitopsService("web")
    assert mistake({"services": {"web": {"model": "gitops", "directory": "/opt"}}}) == (
        'services.web.directory: unknown key (it belongs to model = "compose")'
    )


def test_another_model_is_refused() -> None:
    assert mistake(document(service={"model": "swarm"})) == (
        'services.web.model: "swarm" is no deploy model: write "compose" or "gitops"'
    )


# Names


@pytest.mark.parametrize("name", ["web", "a.b", "a_b", "a__b", "a-b", "a---b", "0", "a" * 128])
def test_a_service_may_have_any_name_that_an_image_can_have(name: str) -> None:
    assert read({"services": {name: {"model": "gitops"}}}).services[name].name == name


@pytest.mark.parametrize(
    "name", ["Web", "a..b", "a___b", "-a", "a-", "a/b", "", "ä", "a b", "a\n", "a" * 129]
)
def test_another_name_of_a_service_is_refused(name: str) -> None:
    found = mistake({"services": {name: {"model": "gitops"}}})
    assert found.startswith("services.")
    assert found.isprintable()


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "", "a b", "a\n", "a/b", "ä", "a" * 64])
def test_an_unusable_name_of_a_host_is_refused(name: str) -> None:
    tree = document()
    tree["hosts"][name] = {"address": "x"}
    assert "cannot name a host" in mistake(tree) or "is empty" in mistake(tree)


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


# Strings


@pytest.mark.parametrize(
    "path", ["/opt/my infra", "/opt/it's", '/opt/"q"', "/opt/$(reboot)", "/opt/`x`", "/opt/größe;&"]
)
def test_paths_on_the_host_are_taken_literally(path: str) -> None:
    relative = path.removeprefix("/opt/") + ".yml"
    settings = service(directory=path, state_directory=path + "/s", compose_files=[relative])
    assert settings.directory == path
    assert settings.state_directory == path + "/s"
    assert settings.compose_files == (relative,)


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


@pytest.mark.parametrize("path", ["opt", "./opt", "~/opt", "", "/opt/../etc", "C:\\opt"])
def test_a_directory_is_an_absolute_path_without_detours(path: str) -> None:
    assert mistake(document(service={"directory": path})).startswith("services.web.directory: ")


def test_a_directory_is_kept_in_its_shortest_spelling() -> None:
    assert service(directory="//opt/./infra//").directory == "/opt/infra"


@pytest.mark.parametrize("path", ["compose.yml", "../shared/compose.yml", "/etc/compose.yml"])
def test_a_compose_file_may_be_anywhere_on_the_host(path: str) -> None:
    assert service(compose_files=[path]).compose_files == (path,)


@pytest.mark.parametrize(
    "path", ["", "-", "-f", "https://x/y.git", "oci://x/y", "git@x:y.git", "compose/"]
)
def test_what_is_no_file_on_the_host_is_no_compose_file(path: str) -> None:
    found = mistake(document(service={"compose_files": [path]}))
    assert found.startswith("services.web.compose_files[0]: ")


def test_nothing_is_listed_twice() -> None:
    tree = document(
        service={"hosts": ["vps", "vps"], "compose_files": ["a.yml", "b.yml", "./a.yml"]}
    )
    assert mistakes(tree) == [
        'services.web.hosts[1]: "vps" is listed twice (first as [0])',
        'services.web.compose_files[2]: "./a.yml" is listed twice (first as [0])',
    ]


@pytest.mark.parametrize("name", ["1TAG", "", "MY-TAG", "A B", "TAG=", "PATH", "LD_PRELOAD"])
def test_the_tag_needs_a_variable_of_its_own(name: str) -> None:
    found = mistake(document(service={"tag_variable": name}))
    assert found.startswith("services.web.tag_variable: ")


@pytest.mark.parametrize(
    "ref", ["refs/heads/main", "refs/heads/feature/x", "refs/tags/v1.0", "refs/heads/größe"]
)
def test_a_full_ref_may_be_deployed_from(ref: str) -> None:
    assert read(document(gates={"source_refs": [ref]})).gates.source_refs == (ref,)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("main", 'is not a full ref: write "refs/heads/main", for a branch'),
        ("refs/heads/*", "has a wildcard in it"),
        ("refs/pull/1/merge", "is a pull request: those never deploy"),
        ("refs/heads/", "is not the name of a branch"),
        ("refs/heads/a..b", "is not the name of a branch"),
        ("refs/heads/a.lock", "is not the name of a branch"),
        ("refs/remotes/origin/main", "is not the name of a branch"),
        ("", "is empty"),
    ],
)
def test_another_ref_is_refused_with_the_reason(ref: str, expected: str) -> None:
    assert expected in mistake(document(gates={"source_refs": [ref]}))


def test_an_empty_list_of_refs_does_not_open_the_gate() -> None:
    assert mistake(document(gates={"source_refs": []})) == "gates.source_refs: is an empty list"


@pytest.mark.parametrize("events", [["workflow_dispatch"], ["push", "workflow_run"]])
def test_events_may_be_allowed(events: list[str]) -> None:
    assert read(document(gates={"source_events": events})).gates.source_events == tuple(events)
    assert read(document(gates={"long_tags": True})).gates.source_events == (
        *("push", "workflow_dispatch", "schedule", "release", "repository_dispatch"),
    )


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        *(
            (f"pull_request{end}", "is of a pull request, whose code nobody has merged")
            for end in ("", "_target", "_review", "_review_comment", "_of_next_year")
        ),
        ("workflow_call", "name the event of the one that calls it"),
        ("workflow-dispatch", 'starts workflows (did you mean "workflow_dispatch"?)'),
        ("", "is empty"),
        ("push\n", "has a control character in it"),
    ],
)
def test_an_event_that_may_never_is_refused_with_the_reason(event: str, expected: str) -> None:
    assert expected in mistake(document(gates={"source_events": [event]}))


def test_an_empty_list_of_events_is_a_mistake() -> None:
    assert mistake(document(gates={"source_events": []})) == "gates.source_events: is an empty list"


def test_the_variables_that_secrets_come_from_are_known_whether_set_or_not() -> None:
    secret = {"ssh_key": {"env": "KEY"}, "passphrase": {"env": "WORD", "optional": True}}
    login = {"server": "r", "username": {"env": "NAME"}, "password": {"env": "TOKEN"}}
    found = read(document(host=secret, service={"registry": login}))

    assert found.secret_variables == {"KEY", "WORD", "TOKEN"}
    assert read(document()).secret_variables == frozenset()


# Hosts


@pytest.mark.parametrize(
    "address",
    ["vps", "vps.example.com", "203.0.113.7", "2001:db8::7", "::1", "fe80::1%eth0", "a_b"],
)
def test_an_address_is_a_name_or_a_number(address: str) -> None:
    assert host(address=address).address == address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("-oProxyCommand=x", "is not a host name"),
        ("deploy@vps", "has a login in it: write that as `user`"),
        ("vps:22", "has a port in it: write that as `port`"),
        ("[::1]", "is in brackets"),
        ("ssh://vps", "is a URL"),
        ("vps example", "is not a host name"),
        ("$(reboot)", "is not a host name"),
        ("", "is empty"),
    ],
)
def test_another_address_is_refused_with_the_reason(address: str, expected: str) -> None:
    assert expected in mistake(document(host={"address": address}))


@pytest.mark.parametrize("user", ["-l", "a b", "$(reboot)", "a;b", ""])
def test_a_user_is_nothing_that_a_shell_or_an_option_parser_acts_on(user: str) -> None:
    assert mistake(document(host={"user": user})).startswith("hosts.vps.user: ")


@pytest.mark.parametrize(
    ("written", "jump"),
    [
        ("bastion", Jump("bastion")),
        ("a@bastion", Jump("bastion", "a")),
        ("a@bastion:22", Jump("bastion", "a", 22)),
        ("a@[::1]:22", Jump("::1", "a", 22)),
        ("10.0.0.1", Jump("10.0.0.1")),
    ],
)
def test_a_jump_host_is_one_host(written: str, jump: Jump) -> None:
    assert host(proxy_jump=written).proxy_jump == (jump,)


def test_no_jump_host_is_something_else_than_none_written() -> None:
    assert host(proxy_jump="none").proxy_jump == ()
    assert host().proxy_jump is None


@pytest.mark.parametrize(
    "jump", ["a,b", "a@b@c", "b:0", "b:99999", "-b", "a@-b", "-a@b", "::1", "b:", ""]
)
def test_another_jump_host_is_refused(jump: str) -> None:
    assert mistake(document(host={"proxy_jump": jump})).startswith("hosts.vps.proxy_jump: ")


def public_key(kind: str = "ssh-ed25519") -> tuple[str, str]:
    blob = len(kind).to_bytes(4, "big") + kind.encode() + b"\0\0\0\x20" + b"k" * 32
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"{kind} {base64.b64encode(blob).decode()}", f"SHA256:{digest}"


@pytest.mark.parametrize("comment", ["", " root@vps", " a comment"])
def test_a_public_key_line_pins_its_fingerprint_and_type(comment: str) -> None:
    line, fingerprint = public_key()
    pinned = host(host_key=line + comment).host_key
    assert pinned
    assert (pinned.fingerprint, pinned.key_type) == (fingerprint, "ssh-ed25519")


def test_a_pinned_key_tells_where_it_is_written() -> None:
    written = host(host_key=FINGERPRINT).host_key
    from_a_variable = host({"VPS_KEY": FINGERPRINT}, host_key={"env": "VPS_KEY"}).host_key
    setting = "hosts.vps.host_key in the inventory"
    assert written == PinnedKey(FINGERPRINT, setting=setting)
    assert from_a_variable == PinnedKey(FINGERPRINT, setting=f"VPS_KEY ({setting})")


@pytest.mark.parametrize(
    "key",
    [
        "SHA256:short",
        "MD5:" + "aa:" * 15 + "aa",
        FINGERPRINT + "=",
        "a" * 43,
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 A",
        public_key("ssh-rsa")[0].replace("ssh-rsa", "ssh-ed25519"),
        "vps " + public_key()[0],
    ],
)
def test_what_is_no_host_key_is_refused(key: str) -> None:
    assert mistake(document(host={"host_key": key})).startswith("hosts.vps.host_key: ")


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


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("~/.ssh/deploy", "/home/me/.ssh/deploy"),
        ("keys/deploy", "/etc/infra/keys/deploy"),
        ("/keys/my $(key)", "/keys/my $(key)"),
    ],
)
def test_local_files_start_at_home_or_beside_the_inventory(written: str, expected: str) -> None:
    inventory = from_document(
        document(host={"identity_file": written}), {"HOME": "/home/me"}, path="/etc/infra/i.toml"
    )
    assert inventory.host("vps").identity_file == expected


def test_a_missing_home_does_not_spoil_the_inventory() -> None:
    assert host(identity_file="~/.ssh/id").identity_file == "~/.ssh/id"


@pytest.mark.parametrize("path", ["~other/.ssh/id", "~", "keys/", ""])
def test_what_is_no_local_file_is_refused(path: str) -> None:
    found = mistake(document(host={"identity_file": path}))
    assert found.startswith("hosts.vps.identity_file: ")


# Secrets


@pytest.mark.parametrize("key", ["ssh_key", "passphrase"])
@pytest.mark.parametrize("value", [KEY, "hunter2", 12345678, ["hunter2"], True])
def test_a_secret_in_the_file_is_refused_and_not_repeated(key: str, value: Any) -> None:
    found = mistake(document(host={key: value}))
    assert found == f'hosts.vps.{key}: a secret does not belong in a file: write {{ env = "NAME" }}'


def test_a_default_for_a_secret_is_a_secret_in_the_file() -> None:
    found = mistake(document(host={"passphrase": {"env": "P", "default": "hunter2"}}))
    assert "does not belong in a file" in found
    assert "hunter2" not in found


def test_a_secret_in_the_place_of_its_variables_name_is_not_repeated() -> None:
    found = mistake(document(host={"passphrase": {"env": "my hunter2"}}))
    assert found.startswith("hosts.vps.passphrase.env: it is not a variable's name")


@pytest.mark.parametrize("key", ["user", "identity_file", "host_key", "address", KEY])
def test_a_private_key_is_never_shown_wherever_it_was_pasted(key: str) -> None:
    assert "c2VjcmV0" not in "".join(mistakes(document(host={key: KEY})))


def test_a_secret_is_not_in_what_a_traceback_would_print() -> None:
    known = host({"K": KEY, "P": "hunter2"}, ssh_key={"env": "K"}, passphrase={"env": "P"})
    assert known.passphrase == "hunter2"
    assert "hunter2" not in repr(known)
    assert "c2VjcmV0" not in repr(known)


@pytest.mark.parametrize("key", [KEY, KEY.strip(), KEY.replace("\n", "\r\n"), f"\n{KEY}\n\n"])
def test_a_private_key_is_put_right_however_it_was_stored(key: str) -> None:
    known = host({"K": key}, ssh_key={"env": "K"})
    assert (known.private_key, known.private_key_source) == (KEY, "K")


@pytest.mark.parametrize(
    "key",
    [
        KEY.replace("\n", " "),
        KEY.replace("\n", "\\n"),
        f'"{KEY}"',
        base64.b64encode(KEY.encode()).decode(),
    ],
)
def test_a_private_key_that_ssh_can_mend_is_accepted(key: str) -> None:
    assert host({"K": key}, ssh_key={"env": "K"}).private_key == f"{key.strip()}\n"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("ssh-ed25519 AAAA me", "K is a public key: the private one is needed"),
        ("bm90IGEga2V5", "K is not a private key"),
        *(
            (path, "K holds the path of a file, not the text of a key: write identity_file")
            for path in (
                "/home/kim/.ssh/id_ed25519",
                "~/.ssh/id_ed25519",
                "./deploy.key",
                ".ssh/deploy",
                "id_rsa",
                "keys/deploy.pem",
                "/home/kim/my keys/x",
            )
        ),
    ],
)
def test_what_is_no_private_key_is_explained_without_showing_it(key: str, expected: str) -> None:
    error = environment_error({"ssh_key": {"env": "K"}}, {"K": key})
    assert error.code == "environment-invalid"
    assert error.message.startswith(expected)
    assert key not in error.message


# The environment


def test_a_missing_variable_is_named_with_the_setting_that_needs_it() -> None:
    error = environment_error({"address": {"env": "VPS_HOST"}}, {})
    assert error.code == "environment-missing"
    assert error.exit_status == EXIT_USAGE
    assert error.message == "VPS_HOST is not set (for hosts.vps.address)"


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_secret_is_explained(empty: str) -> None:
    error = environment_error({"address": {"env": "VPS_HOST"}}, {"VPS_HOST": empty})
    assert error.message == (
        "VPS_HOST is set but empty: in a reusable workflow, pass secrets explicitly or use "
        '"secrets: inherit" (for hosts.vps.address)'
    )


def test_all_that_the_hosts_in_question_lack_is_named_at_once() -> None:
    tree = document()
    for name in ("a", "b", "c"):
        tree["hosts"][name] = {"address": {"env": f"{name}_HOST"}, "user": {"env": "DEPLOYER"}}
    inventory = read(tree, {"b_HOST": ""})
    with pytest.raises(UsageError) as caught:
        inventory.resolve_hosts(["a", "vps", "b"])
    assert caught.value.message == (
        "hosts a, b: missing or unusable in the environment: a_HOST, DEPLOYER, b_HOST"
    )
    assert [line.split(":")[0] for line in caught.value.details] == [
        "a_HOST is not set (for hosts.a.address)",
        "DEPLOYER is not set (for hosts.a.user, hosts.b.user)",
        "b_HOST is set but empty",
    ]


def test_what_one_host_lacks_does_not_concern_the_others() -> None:
    tree = document()
    tree["hosts"]["far"] = {"address": {"env": "FAR"}}
    inventory = read(tree)
    assert inventory.host("vps").address == "vps.example.com"
    assert inventory.host_names == ("far", "vps")
    assert list(inventory.services) == ["web"]


def test_a_wrong_value_in_the_environment_is_not_a_mistake_in_the_file_and_not_shown() -> None:
    error = environment_error({"address": {"env": "VPS_HOST"}}, {"VPS_HOST": "root@203.0.113.7"})
    assert error.code == "environment-invalid"
    assert error.message == (
        "VPS_HOST has a login in it: write that as `user` (for hosts.vps.address)"
    )


def test_every_setting_but_sudo_may_come_from_the_environment() -> None:
    values = {
        "address": "vps",
        "port": "2222",
        "user": "deploy",
        "identity_file": "/keys/id",
        "known_hosts": "/keys/known",
        "proxy_jump": "bastion",
        "connect_timeout": "5s",
    }
    settings = {key: {"env": key.upper()} for key in values}
    # A secret that was pasted ends in a newline more often than not.
    known = host({key.upper(): value + "\n" for key, value in values.items()}, **settings)
    jumps = (Jump("bastion"),)
    expected = {**values, "port": 2222, "connect_timeout": 5.0, "proxy_jump": jumps}
    assert {key: getattr(known, key) for key in values} == expected


@pytest.mark.parametrize("environment", [{}, {"VPS_HOST": ""}])
def test_a_default_stands_in_for_an_unset_or_empty_variable(environment: dict[str, str]) -> None:
    settings = {"address": {"env": "VPS_HOST", "default": "vps"}}
    assert host(environment, **settings).address == "vps"
    assert host({"VPS_HOST": "other"}, **settings).address == "other"


def test_a_default_must_be_right_whether_or_not_it_is_used() -> None:
    found = mistake(document(host={"port": {"env": "PORT", "default": "ssh"}}))
    assert found == 'hosts.vps.port.default: "ssh" is not a port number from 1 to 65535'


def test_an_optional_variable_may_be_unset_but_not_empty() -> None:
    settings = {"ssh_key": {"env": "K", "optional": True}}
    assert host({}, **settings) == Host(name="vps", address="vps.example.com")
    assert environment_error(settings, {"K": ""}).message.startswith("K is set but empty")


def test_an_address_is_never_optional() -> None:
    assert mistake(document(host={"address": {"env": "A", "optional": True}})) == (
        "hosts.vps.address.optional: unknown key (this setting is always needed)"
    )


@pytest.mark.parametrize(
    "value", [{}, {"env": ""}, {"env": 1}, {"env": "A B"}, {"env": "A", "x": 1}]
)
def test_a_wrong_reference_to_the_environment_is_a_mistake(value: dict[str, Any]) -> None:
    assert mistake(document(host={"user": value})).startswith("hosts.vps.user.")


# Services that share a host


def two(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    tree = document()
    tree["hosts"]["vps2"] = {"address": "vps2"}
    tree["services"] = {"one": {**SERVICE, **one}, "other": {**SERVICE, **other}}
    return tree


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {}),
        ({}, {"compose_files": ["compose.yml", "other.yml"]}),
        ({}, {"compose_files": ["other/compose.yml"]}),
        ({}, {"directory": "/opt/other"}),
        ({}, {"directory": "/opt/infra/other"}),
        ({"state_directory": "/var/s"}, {"state_directory": "/var/s"}),
        (
            {},
            {
                "directory": "/opt/other",
                "state_directory": "/opt/infra/.deployctl",
                "hosts": ["vps2"],
            },
        ),
    ],
)
def test_services_may_share_a_project_or_be_apart(one: Any, other: Any) -> None:
    assert set(read(two(one, other)).services) == {"one", "other"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (
            {},
            {"directory": "/opt/other", "state_directory": "/opt/infra/.deployctl"},
            '"/opt/infra/.deployctl" is also that of services.one, which is in another directory',
        ),
        (
            {"state_directory": "/var/s"},
            {"directory": "/opt/other", "state_directory": "/var/s/other"},
            '"/var/s/other" overlaps that of services.one ("/var/s")',
        ),
        (
            {},
            {"state_directory": "/var/s"},
            '"/var/s" differs from that of services.one ("/opt/infra/.deployctl")',
        ),
    ],
)
def test_services_on_one_host_share_a_lock_exactly_when_they_share_a_project(
    one: Any, other: Any, expected: str
) -> None:
    found = mistake(two(one, other))
    assert found.startswith(f"services.other.state_directory: {expected}")


def test_services_without_compose_files_are_not_said_to_share_a_project() -> None:
    parts = {"model": "compose", "hosts": ["vps"]}
    services = {name: {**parts, "directory": f"/opt/{name}"} for name in ("one", "other")}
    assert mistakes({**document(), "services": services}) == [
        "services.one.compose_files: is missing",
        "services.other.compose_files: is missing",
    ]


# Files


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "inventory.toml"
    path.write_text("\ufeff" + FULL_EXAMPLE, encoding="utf-8")
    assert load(path, ENVIRONMENT).path == str(path)


def test_a_missing_file_is_answered_with_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "no\x1b.toml", {})
    assert caught.value.code == "inventory-missing"
    assert "no\\x1b.toml" in caught.value.message
    for help_ in ("inventory.example.toml", "README", "-i FILE", "DEPLOYCTL_INVENTORY"):
        assert help_ in caught.value.hint


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a = 1\n\xff", "is not UTF-8: line 2 has the byte 0xff"),
        (b"#" * (LARGEST_FILE + 1), f"is larger than {LARGEST_FILE} bytes"),
    ],
)
def test_a_file_that_is_no_inventory_is_refused(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "inventory.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load(path, {})
    assert caught.value.code == "inventory-unreadable"
    assert expected in caught.value.message


@pytest.mark.parametrize("name", [".", "a\0b"])
def test_what_cannot_be_opened_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"^cannot read ") as caught:
        load(tmp_path / name, {})
    assert caught.value.code == "inventory-unreadable"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[hosts.vps]\naddress = vps\n", "at line 2, column 11"),
        ("a = " + "[" * 100_000, "it is nested too deeply"),
        ("a = " + "1" * 10_000, "a number has too many digits"),
        ("a = 1\na = 2\n", "at line 2, column 6"),
    ],
)
def test_a_syntax_error_is_reported_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, {}, path="inventory.toml")
    assert caught.value.code == "inventory-syntax"
    assert caught.value.message.startswith("inventory.toml is not valid TOML: ")
    assert expected in caught.value.message


# Anything at all

ANY_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.just({"env": "VPS_HOST"}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
HOST_KEYS = [field.name for field in dataclasses.fields(Host)] + ["ssh_key", "env"]
SERVICE_KEYS = [field.name for field in dataclasses.fields(ComposeService)]
ANY_DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "hosts": ANY_VALUE
        | st.dictionaries(
            st.sampled_from(["vps", "b"]),
            st.dictionaries(st.sampled_from(HOST_KEYS) | st.text(), ANY_VALUE, max_size=5),
        ),
        "services": ANY_VALUE
        | st.dictionaries(
            st.sampled_from(["web", "a-b"]) | st.text(),
            st.dictionaries(st.sampled_from(SERVICE_KEYS) | st.text(), ANY_VALUE, max_size=5),
        ),
        "gates": ANY_VALUE,
        "extra": ANY_VALUE,
    },
)


def is_answered_safely(error: UsageError) -> bool:
    told = [error.message, error.hint, *error.details]
    return all(line.isprintable() for line in told)


@given(ANY_DOCUMENT, st.dictionaries(st.just("VPS_HOST"), st.text()))
def test_any_document_is_read_or_refused_in_printable_words(
    tree: dict[str, Any], environment: dict[str, str]
) -> None:
    refusal = None
    try:
        inventory = read(tree, environment)
        inventory.resolve_hosts(inventory.host_names)
    except UsageError as error:
        refusal = error
    assert refusal is None or is_answered_safely(refusal)


@given(st.text() | st.text(alphabet='[]{}="\n.a1#-\\\0'))
def test_any_text_is_read_or_refused_in_printable_words(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, {}, path=text)
    assert is_answered_safely(caught.value)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_any_printable_path_on_the_host_survives_being_written_as_toml(name: str) -> None:
    # TOML's basic strings are JSON's, as long as nothing is escaped as a pair of surrogates.
    quoted = json.dumps(f"/opt/{name}/x", ensure_ascii=False)
    text = FULL_EXAMPLE.replace('"/opt/infra"', quoted)
    if ".." in name.split("/"):
        return
    directory = parse(text, ENVIRONMENT, path="i").compose_services[0].directory
    assert directory.startswith("/opt")
    assert directory.endswith("/x")
    if "/" not in name and name != ".":
        assert directory == f"/opt/{name}/x"


@given(st.text())
def test_any_value_of_the_environment_is_used_or_refused_without_showing_it(value: str) -> None:
    settings = {
        key: {"env": "V"}
        for key in ("address", "port", "user", "ssh_key", "proxy_jump", "host_key")
    }
    inventory = read(document(host=settings), {"V": value})
    with pytest.raises(UsageError) as caught:  # no text is an address and a private key
        inventory.host("vps")
    assert is_answered_safely(caught.value)


# Start-up


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
