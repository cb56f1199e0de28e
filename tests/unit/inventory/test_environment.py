"""What the environment gives, and what it lacks."""

from __future__ import annotations

from typing import Any

import pytest

from deployctl.errors import EXIT_USAGE, UsageError
from deployctl.inventory import Host, Jump
from tests.unit.inventory.documents import document, environment_error, host, mistake, read


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
