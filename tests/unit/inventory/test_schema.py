"""The JSON Schema, the example and the reference, held against the parser."""

from __future__ import annotations

import copy
import importlib.resources
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl import workflow_events
from deployctl.errors import UsageError
from deployctl.inventory import ComposeService, Gates, Github, Host, PinnedKey, parse
from deployctl.inventory.parser import from_document

ROOT = Path(__file__).parents[3]
SCHEMA: dict[str, Any] = json.loads(
    importlib.resources.files("deployctl").joinpath("inventory.schema.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLE = (ROOT / "inventory.example.toml").read_text("utf-8")
GOOD = tomllib.loads("""
[hosts.vps]
address = { env = "VPS_HOST", default = "vps" }
port = 22
user = { env = "VPS_USER", optional = true }
ssh_key = { env = "DEPLOY_SSH_KEY" }
passphrase = { env = "DEPLOY_SSH_PASSPHRASE", optional = true }
known_hosts = "known_hosts"
proxy_jump = "deploy@bastion:22"
connect_timeout = "10s"
sudo = true
[hosts.vps2]
address = "2001:db8::7"
user = "deploy"
port = { env = "PORT", default = "22" }
identity_file = "~/.ssh/deploy"
host_key = "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
[services.enforcer-backend]
model = "compose"
hosts = ["vps", "vps2"]
directory = "/opt/my infra/$(x)"
compose_files = ["compose/docker-compose.yml", "/etc/it's.yml"]
tag_variable = "IMAGE_TAG"
health_timeout = "1m30s"
stable = "500ms"
keep = 5
state_directory = "/var/lib/deployctl"
[services."a.b__c-d"]
model = "gitops"
hosts = ["vps"]
[gates]
source_events = ["push", "workflow_run"]
source_refs = ["refs/heads/main", "refs/tags/v1.0"]
long_tags = false
[github]
container_log = false
""")
HOST = ("hosts", "vps")
SERVICE = ("services", "enforcer-backend")
ABSENT = object()
LOGIN = {"server": "ghcr.io", "username": "bot", "password": {"env": "TOKEN"}}

# Where in the good document, and what is written there instead.
BAD: list[tuple[tuple[str | int, ...], object]] = [
    (("service",), {}),
    (("services",), ABSENT),
    (("services",), {}),
    (("services",), []),
    (("services", "Web"), {"model": "gitops"}),
    (("services", "a" * 129), {"model": "gitops"}),
    (("services", "web"), {"model": "gitops", "directory": "/opt"}),
    (("services", "web"), "web"),
    (("hosts",), "vps"),
    (("hosts", "-x"), {"address": "x"}),
    ((*HOST, "adress"), "x"),
    ((*HOST, "address"), ABSENT),
    *(((*HOST, "address"), bad) for bad in ("", "-x", "a b", "a@b", "[::1]", 1, {}, {"env": ""})),
    ((*HOST, "address"), {"env": "A", "optional": True}),
    *(((*HOST, "port"), bad) for bad in (0, 65536, "22", 2.5, True, {"env": "A", "x": 1})),
    *(((*HOST, "user"), bad) for bad in ("", "-x", "a b", "$(x)", 1, {"env": 1}, {"env": "1"})),
    ((*HOST, "user"), {"env": "A", "default": ""}),
    ((*HOST, "user"), {"env": "A", "optional": "yes"}),
    *(((*HOST, "ssh_key"), bad) for bad in ("-----BEGIN", {"env": "A", "default": "x"}, 1)),
    *(((*HOST, "passphrase"), bad) for bad in ("hunter2", {"env": "A", "default": "x"}, {})),
    ((*HOST, "identity_file"), "~/.ssh/id"),
    ((*HOST, "host_key"), "SHA256:" + "a" * 43),
    *(((*HOST, "known_hosts"), bad) for bad in ("", "a\nb", 1)),
    *(((*HOST, "proxy_jump"), bad) for bad in ("", "-x", "a b", 1)),
    *(((*HOST, "connect_timeout"), bad) for bad in (10, "10", "", "1s1m", {"env": "A-B"})),
    *(((*HOST, "sudo"), bad) for bad in ("yes", 1, {"env": "A"})),
    *((("hosts", "vps2", "host_key"), bad) for bad in ("", "SHA256:x", "ssh-rsa", "MD5:x", 1)),
    *(((*SERVICE, "registry"), {**LOGIN, key: 1}) for key in (*LOGIN, "token")),
    *(((*SERVICE, "registry"), {k: LOGIN[k] for k in LOGIN if k != key}) for key in LOGIN),
    ((*SERVICE, "registry"), {**LOGIN, "password": "hunter2"}),
    ((*SERVICE, "registry"), {**LOGIN, "username": "-u"}),
    *(((*SERVICE, "registry"), {**LOGIN, "server": x}) for x in ("", "https://x", "x/y", "x:y")),
    (("gates", "require_revision"), "yes"),
    *((("gates", "signature"), bad) for bad in ("cosign.pub", {}, {"key": ""}, {"key": 1})),
    (("gates", "signature"), {"key": {"env": "KEY", "optional": True}}),
    *(
        (("gates", "signature"), {"key": "k", "annotations": bad})
        for bad in ("scan", {"scan": 1}, {"scan": ""}, {"a=b": "c"}, {"scan": "a,b"})
    ),
    ((*SERVICE, "helth_timeout"), "60s"),
    *(((*SERVICE, key), ABSENT) for key in ("model", "hosts", "directory", "compose_files")),
    *(((*SERVICE, "model"), bad) for bad in ("", "swarm", 1)),
    *(((*SERVICE, "hosts"), bad) for bad in ([], "vps", [1], ["vps", "vps"], ["-x"])),
    *(((*SERVICE, "directory"), bad) for bad in ("", "opt", "~/x", "/a\nb", 1, {"env": "A"})),
    *(((*SERVICE, "compose_files"), bad) for bad in ([], "a", [""], ["-"], ["a\0"], ["a", "a"])),
    *(((*SERVICE, "tag_variable"), bad) for bad in ("", "1A", "A-B", "PATH", "LD_PRELOAD", 1)),
    *(((*SERVICE, "health_timeout"), bad) for bad in (60, 1.5, "60", "", "x", "1s1m")),
    *(((*SERVICE, "stable"), bad) for bad in (0, "-1s", True)),
    *(((*SERVICE, "keep"), bad) for bad in (-1, 1001, "5", 1.5, True)),
    *(((*SERVICE, "state_directory"), bad) for bad in ("", "x", 1)),
    (("gates",), []),
    (("gates", "refs"), []),
    (("github",), []),
    (("github", "container_logs"), False),
    *((("github", "container_log"), bad) for bad in ("no", 0, {"env": "A"})),
    *((("gates", "long_tags"), bad) for bad in ("yes", 1)),
    *((("gates", "source_refs"), bad) for bad in ([], "refs/heads/main", ["main"], [1])),
    *((("gates", "source_events"), bad) for bad in ([], "push", [1], ["push", "push"])),
    *((("gates", "source_events"), [bad]) for bad in ("pull_request", "workflow_call", "pushed")),
    *((("gates", "source_refs"), [bad]) for bad in ("refs/heads/*", "refs/pull/1", "refs/heads/")),
]


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Return the good document with one value replaced, added or taken away."""
    tree: Any = copy.deepcopy(GOOD)
    table = tree
    for key in path[:-1]:
        table = table[key]
    if value is ABSENT:
        del table[path[-1]]
    else:
        table[path[-1]] = value
    return tree  # type: ignore[no-any-return]


def schema_accepts(tree: dict[str, Any]) -> bool:
    return VALIDATOR.is_valid(tree)


def parser_accepts(tree: dict[str, Any]) -> bool:
    try:
        from_document(tree, {}, path="inventory.toml")
    except UsageError:
        return False
    return True


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_example_is_valid_for_schema_and_parser() -> None:
    VALIDATOR.validate(tomllib.loads(EXAMPLE))
    inventory = parse(EXAMPLE, {}, path="inventory.example.toml")
    assert inventory.host("vps") == Host(
        name="vps",
        address="vps",
        user="deploy",
        host_key=PinnedKey(
            "SHA256:ReplaceThisWithWhatSshKeygenPrintsForTheKey",
            setting="hosts.vps.host_key in the inventory",
        ),
    )
    (service,) = inventory.compose_services
    assert (service.name, service.directory) == ("enforcer-backend", "/opt/infra")
    assert inventory.gates == Gates()
    assert inventory.github == Github()


def test_every_commented_setting_of_the_example_is_valid_too() -> None:
    """Uncommented one by one, in place of what it says it stands in for."""
    replaced = {"identity_file": "ssh_key", "known_hosts": "host_key"}
    lines = EXAMPLE.splitlines()
    tables = "\n\n".join(block for block in EXAMPLE.split("\n\n") if "\n# [" in block)
    settings = [line for line in lines if re.match(r"# \w+ +=", line)]
    commented = [line for line in settings if line not in tables]
    assert len(commented) >= 11
    for line in commented:
        written = line.removeprefix("# ")
        other = replaced.get(written.split()[0])
        others = [each for each in lines if not other or each.split(" ")[0] != other]
        text = "\n".join(others).replace(line, written)
        VALIDATOR.validate(tomllib.loads(text))
        parse(text, {}, path="inventory.example.toml")


def test_every_commented_table_of_the_example_is_valid_too() -> None:
    blocks = [block for block in EXAMPLE.split("\n\n") if "\n# [" in block]
    assert len(blocks) == 2
    text = EXAMPLE
    for block in blocks:
        text = text.replace(block, re.sub(r"(?m)^# (?=\[|\w+ +=)", "", block))
    VALIDATOR.validate(tomllib.loads(text))
    inventory = parse(text, {}, path="inventory.example.toml")
    assert [service.registry for service in inventory.compose_services] != [None]
    assert inventory.gates.signature


def test_the_example_names_the_schema_where_it_is() -> None:
    first = EXAMPLE.splitlines()[0]
    assert (ROOT / first.removeprefix("#:schema ")).read_text("utf-8")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*SERVICE, "registry"), LOGIN),
        ((*SERVICE, "registry"), {**LOGIN, "password": {"env": "T", "optional": True}}),
        (("gates", "require_revision"), True),
        (("gates", "signature"), {"key": "cosign.pub", "annotations": {"scan": "passed"}}),
        (("gates", "signature"), {"key": {"env": "KEY"}}),
    ],
)
def test_schema_and_parser_accept_the_same(path: tuple[str | int, ...], value: object) -> None:
    tree = changed(path, value)
    assert schema_accepts(tree)
    assert parser_accepts(tree)


def test_schema_and_parser_accept_the_good_document() -> None:
    assert schema_accepts(GOOD)
    assert parser_accepts(GOOD)


@pytest.mark.parametrize(("path", "value"), BAD)
def test_schema_and_parser_refuse_the_same(path: tuple[str | int, ...], value: object) -> None:
    tree = changed(path, value)
    assert not schema_accepts(tree)
    assert not parser_accepts(tree)


def test_the_schema_knows_the_keys_and_defaults_of_the_parser() -> None:
    properties = SCHEMA["$defs"]["service"]["properties"]
    assert set(properties) == set(ComposeService.__dataclass_fields__) - {"name"} | {"model"}
    assert properties["tag_variable"]["default"] == ComposeService.tag_variable
    assert properties["keep"]["default"] == ComposeService.keep
    assert properties["health_timeout"]["default"] == f"{ComposeService.health_timeout:g}s"
    connect_timeout = SCHEMA["$defs"]["host"]["properties"]["connect_timeout"]
    assert connect_timeout["default"] == f"{Host.connect_timeout:g}s"
    gates = SCHEMA["properties"]["gates"]["properties"]
    assert tuple(gates["source_refs"]["default"]) == Gates.source_refs
    assert tuple(gates["source_events"]["default"]) == Gates.source_events
    github = SCHEMA["properties"]["github"]["properties"]
    assert github["container_log"]["default"] == Github.container_log
    assert tuple(gates["source_events"]["items"]["enum"]) == workflow_events.LISTABLE


def test_the_messages_in_the_reference_are_the_real_ones() -> None:
    page = (ROOT / "docs" / "inventory.md").read_text("utf-8")
    values, *_, wrong = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    shown = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    with pytest.raises(UsageError) as mistakes:
        parse(wrong, {}, path="inventory.toml")
    service = '[services.web]\nmodel = "gitops"\n'
    inventory = parse(values + service, {"DEPLOY_SSH_KEY": ""}, path="inventory.toml")
    with pytest.raises(UsageError) as lacking:
        inventory.host("vps")
    errors = [mistakes.value, lacking.value]
    assert shown == ["\n".join([error.message, *error.details, ""]) for error in errors]


def test_the_reference_has_every_key() -> None:
    page = (ROOT / "docs" / "inventory.md").read_text("utf-8")
    gates = SCHEMA["properties"]["gates"]
    tables = [
        *(SCHEMA["$defs"][name] for name in ("host", "service", "registry")),
        *(gates, gates["properties"]["signature"], SCHEMA["properties"]["github"]),
    ]
    for key in (key for table in tables for key in table["properties"]):
        assert f"\n| `{key}` |" in page


def paths(tree: object, prefix: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, Any]] = []
    if isinstance(tree, dict):
        inner = list(tree.items())
    elif isinstance(tree, list):
        inner = list(enumerate(tree))
    below = [path for key, value in inner for path in paths(value, (*prefix, key))]
    return [prefix, *below] if prefix else below


ANY_TEXT = st.text() | st.sampled_from(
    ["compose", "gitops", "vps", "/opt", "60s", "a@b", "refs/heads/x", "SHA256:", "a\n", "ä", "::1"]
)
ANY_VALUE = st.recursive(
    st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["env", "default", "optional", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.sampled_from(paths(GOOD)), st.just(ABSENT) | ANY_VALUE)
def test_whatever_the_schema_refuses_the_parser_refuses(
    path: tuple[str | int, ...], value: object
) -> None:
    tree = changed(path, value)
    assert schema_accepts(tree) or not parser_accepts(tree)
