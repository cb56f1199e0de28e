"""How a host is reached and known."""

from __future__ import annotations

import base64
import hashlib

import pytest

from deployctl.inventory import Jump, PinnedKey
from deployctl.inventory.parser import from_document
from tests.unit.inventory.documents import FINGERPRINT, document, host, mistake


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "", "a b", "a\n", "a/b", "ä", "a" * 64])
def test_an_unusable_name_of_a_host_is_refused(name: str) -> None:
    tree = document()
    tree["hosts"][name] = {"address": "x"}
    assert "cannot name a host" in mistake(tree) or "is empty" in mistake(tree)


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
