"""What the inventory leaves open comes from ssh_config."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployctl.errors import HostError
from deployctl.inventory import Host, Jump
from deployctl.ssh import config, config_files
from deployctl.ssh.config import parse_jump
from deployctl.ssh.credentials import Credentials

if TYPE_CHECKING:
    from deployctl.ssh.config import Target

HOST = Host("vps", "vps.example")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "local")
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def _resolve(text: str, host: Host = HOST) -> Target:
    path = Path("~/config").expanduser()
    path.write_text(text)
    return config.resolve(host, config_files.read(path))


def test_without_ssh_config_the_defaults_are_those_of_ssh(home: Path) -> None:
    target = _resolve("")

    assert (target.endpoint.hostname, target.endpoint.port) == ("vps.example", 22)
    assert target.user == "local"
    assert target.known_hosts[0] == home / ".ssh/known_hosts"
    assert Path("/etc/ssh/ssh_known_hosts") in target.known_hosts
    assert target.jumps == ()
    assert target.timeout == 10


def test_ssh_config_completes_the_inventory(home: Path) -> None:
    target = _resolve(
        """
        Host vps.example
            HostName 203.0.113.7
            User deploy
            Port 2222
            IdentityFile ~/.ssh/deploy
            IdentityFile %d/.ssh/other
            IdentitiesOnly yes
            ConnectTimeout 3
            HostKeyAlias the-vps
            UserKnownHostsFile ~/.ssh/hosts_a ~/.ssh/hosts_b
            GlobalKnownHostsFile none
        """
    )

    assert (target.endpoint.hostname, target.endpoint.port) == ("203.0.113.7", 2222)
    assert target.endpoint.label == "vps"
    assert target.user == "deploy"
    assert target.identity_files == (f"{home}/.ssh/deploy", f"{home}/.ssh/other")
    assert target.only_those
    assert target.timeout == 3
    assert target.key_name == "the-vps"
    assert target.known_hosts == (home / ".ssh/hosts_a", home / ".ssh/hosts_b")


def test_the_inventory_wins_over_ssh_config(home: Path) -> None:
    known = home / "known"
    known.touch()
    host = replace(
        HOST,
        user="inventory",
        port=22,
        known_hosts=str(known),
        connect_timeout=7.0,
        proxy_jump=(),
    )

    target = _resolve(
        """
        Host *
            User config
            Port 2222
            ConnectTimeout 3
            UserKnownHostsFile /elsewhere
            ProxyJump jump.example
            ProxyCommand nc %h %p
        """,
        host,
    )

    assert (target.user, target.endpoint.port, target.timeout) == ("inventory", 22, 7)
    assert target.known_hosts == (known,)
    assert target.jumps == ()
    assert target.proxy_command is None


@pytest.mark.parametrize(
    "line",
    [
        "ProxyJump none",
        "ProxyCommand none",
        "ConnectTimeout none",
        "ForwardAgent /run/agent.sock",
        "ForwardAgent $SSH_AUTH_SOCK",
        "Port nonsense",
        "IdentityFile none",
        "UnknownKeyword with value",
    ],
)
def test_values_that_fabric_chokes_on_are_harmless(line: str) -> None:
    target = _resolve(f"Host *\n  {line}\n")

    assert target.jumps == ()
    assert target.proxy_command is None
    assert target.timeout == 10
    assert target.identity_files == ()


def test_jump_hosts_are_resolved_through_ssh_config() -> None:
    target = _resolve(
        """
        Host vps.example
            ProxyJump first,second@other.example:2200
        Host first
            HostName first.example
            User one
            Port 2201
        """
    )

    assert [(j.endpoint.hostname, j.endpoint.port, j.user) for j in target.jumps] == [
        ("first.example", 2201, "one"),
        ("other.example", 2200, "second"),
    ]
    assert all(jump.is_jump for jump in target.jumps)
    assert not target.is_jump


def test_the_first_jump_host_may_itself_be_behind_another() -> None:
    target = _resolve(
        """
        Host vps.example
            ProxyJump inner
        Host inner
            ProxyJump outer
        """
    )
    assert [jump.endpoint.hostname for jump in target.jumps] == ["outer", "inner"]


def test_the_inventorys_jump_host_wins() -> None:
    target = _resolve(
        "Host *\n  ProxyJump other\nHost *\n  ProxyCommand nc",
        replace(HOST, proxy_jump=(Jump("jump", "me"),)),
    )
    assert [jump.endpoint.hostname for jump in target.jumps][-1] == "jump"


def _way(text: str, **host: object) -> list[tuple[str, int]]:
    target = _resolve(text, replace(HOST, **host))  # type: ignore[arg-type]
    assert not target.is_jump
    assert all(jump.is_jump for jump in target.jumps)
    return [(jump.endpoint.hostname, jump.endpoint.port) for jump in target.jumps]


@pytest.mark.parametrize(
    ("jump", "port"),
    [
        (Jump("vps.example"), 22),
        (Jump("vps.example", "me", 22), 22),
        (Jump("vps.example", port=2222), 2222),
    ],
)
@pytest.mark.parametrize("text", ["", "Host *\n  ProxyJump vps.example\n"])
def test_the_inventorys_jump_host_is_passed_also_at_the_hosts_own_address(
    jump: Jump, port: int, text: str
) -> None:
    assert _way(text, port=2222, proxy_jump=(jump,))[-1] == ("vps.example", port)


def test_a_jump_host_that_the_inventory_names_twice_is_passed_twice() -> None:
    text = "Host *\n  ProxyJump second\n"
    twice = [("first", 22), ("second", 22), ("first", 22)]
    assert _way(text, proxy_jump=(Jump("first"), Jump("second"), Jump("first"))) == twice


def test_the_way_to_the_inventorys_jump_host_comes_from_ssh_config() -> None:
    assert _way("Host gate\n  ProxyJump outer\n", proxy_jump=(Jump("gate"),)) == [
        ("outer", 22),
        ("gate", 22),
    ]


def test_another_port_of_the_address_is_another_machine_in_ssh_config_too() -> None:
    text = "Host vps.example\n  Port 2222\n  ProxyJump vps.example:22\n"
    assert _way(text) == [("vps.example", 22)]
    assert _way("Host *\n  Port 2222\n  ProxyJump vps.example\n") == []


def test_a_jump_host_is_not_its_own_jump_host() -> None:
    target = _resolve("Host *\n  ProxyJump jump.example\n")
    assert [jump.endpoint.hostname for jump in target.jumps] == ["jump.example"]


def test_a_circle_of_jump_hosts_ends() -> None:
    target = _resolve(
        """
        Host vps.example
            ProxyJump a
        Host a
            ProxyJump b
        Host b
            ProxyJump a
        """
    )
    assert [jump.endpoint.hostname for jump in target.jumps] == ["b", "a"]


def test_a_proxy_command_is_expanded() -> None:
    target = _resolve("Host *\n  ProxyCommand nc -X 5 %h %p\n", replace(HOST, port=None))
    assert target.proxy_command == "nc -X 5 vps.example 22"


def test_a_proxy_command_that_passes_a_descriptor_is_a_clear_error() -> None:
    with pytest.raises(HostError, match="ProxyUseFdpass is not supported") as caught:
        _resolve("ProxyCommand nc -F %h %p\nProxyUseFdpass yes\n")
    assert caught.value.code == "ssh-config-invalid"
    assert _resolve("ProxyUseFdpass yes\n").proxy_command is None


def test_files_of_revoked_keys_are_named(home: Path) -> None:
    assert _resolve("").revoked == ()
    assert _resolve("RevokedHostKeys none\n").revoked == ()
    assert _resolve("RevokedHostKeys ~/a %d/b /c\nRevokedHostKeys /d\n").revoked == (
        *(home / "a", home / "b", Path("/c")),
    )
    behind = _resolve("Host jump\n  RevokedHostKeys /a\nHost vps.*\n  ProxyJump jump\n")
    assert (behind.revoked, behind.jumps[0].revoked) == ((), (Path("/a"),))


@pytest.mark.parametrize(
    ("value", "agent"),
    [
        ("SSH_AUTH_SOCK", None),
        ("none", ""),
        ("$OUR_SOCKET", "/run/ours"),
        ("${OUR_SOCKET}", "/run/ours"),
        ("$NOT_SET", ""),
        ("${OUR_SOCKET}/agent", "/run/ours/agent"),
        ("~/.agent", "HOME/.agent"),
        ('"%d/with a blank/%%"', "HOME/with a blank/%"),
        ("/run/user/%i/agent", f"/run/user/{os.getuid()}/agent"),
    ],
)
def test_the_agent_is_where_openssh_would_look(
    home: Path, monkeypatch: pytest.MonkeyPatch, value: str, agent: str | None
) -> None:
    monkeypatch.setenv("OUR_SOCKET", "/run/ours")
    expected = agent and agent.replace("HOME", str(home))

    assert _resolve(f"IdentityAgent {value}\n").agent == expected


def test_a_home_of_nobody_is_no_bug() -> None:
    there = Path("/~nobody-there/x")
    named = "\n".join(
        f"{keyword} ~nobody-there/x"
        for keyword in ("IdentityAgent", "RevokedHostKeys", "UserKnownHostsFile", "Include")
    )

    target = _resolve(named)

    assert (target.agent, target.revoked) == (str(there), (there,))
    assert target.known_hosts[0] == there
    with pytest.raises(HostError, match="cannot read the known_hosts file"):
        _resolve("", replace(HOST, known_hosts="~nobody-there/x"))
    with Credentials(HOST) as credentials, pytest.raises(HostError, match="cannot read"):
        credentials.from_file("~nobody-there/x")


@pytest.mark.parametrize("mode", [0o602, 0o666])
@pytest.mark.parametrize("name", ["config", "included"])
def test_an_ssh_config_that_others_may_change_is_not_used(home: Path, name: str, mode: int) -> None:
    (home / ".ssh/config").write_text("Include included\n")
    (home / ".ssh/included").write_text("Port 2222\n")
    assert config.resolve(HOST, config_files.read(None)).endpoint.port == 2222
    (home / ".ssh" / name).chmod(mode)

    with pytest.raises(HostError, match="other users") as caught:
        config_files.read(None)

    assert caught.value.code == "ssh-config-invalid"
    assert caught.value.hint.endswith(f"chmod go-w {home}/.ssh/{name}")


@pytest.mark.parametrize(
    ("others", "refused"), [((), False), (("www-data",), True), (("nobody-there",), True)]
)
def test_a_group_may_change_an_ssh_config_if_only_the_user_is_in_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, others: tuple[str, ...], *, refused: bool
) -> None:
    """As with Debian's umask 002. What the group is called does not matter, as for its ssh."""
    me = pwd.getpwuid(os.getuid())
    group = grp.struct_group((me.pw_name, "x", me.pw_gid, list(others)))
    monkeypatch.setattr(grp, "getgrgid", lambda _: group)
    monkeypatch.setattr(pwd, "getpwall", lambda: [me])
    (home / ".ssh/config").write_text("Port 2222\n")
    (home / ".ssh/config").chmod(0o664)

    if refused:
        with pytest.raises(HostError, match="other users"):
            config_files.read(None)
    else:
        assert "Port 2222" in config_files.read(None)


def test_include_is_followed_and_belongs_to_its_block(home: Path) -> None:
    (home / ".ssh/config.d").mkdir()
    (home / ".ssh/config.d/a.conf").write_text("Host vps.example\n  Port 2222\n")
    (home / ".ssh/config.d/b.conf").write_text("Host other\n  Port 1\n  Include c.conf\n")
    (home / ".ssh/c.conf").write_text("User wrong\n")

    target = _resolve("Include config.d/*.conf missing.conf\nUser right\n")

    assert (target.endpoint.port, target.user) == (2222, "right")


def test_an_include_of_itself_ends(home: Path) -> None:
    (home / ".ssh/loop").write_text("Include loop\nPort 2222\n")
    assert _resolve("Include loop\n").endpoint.port == 2222


def test_a_missing_file_is_an_empty_one(home: Path) -> None:
    assert config_files.read(home / "missing") == ""


def test_a_file_that_cannot_be_parsed_is_a_clear_error() -> None:
    with pytest.raises(HostError) as caught:
        _resolve("Host *\n  loneword\n")
    assert caught.value.code == "ssh-config-invalid"


def test_a_known_hosts_file_that_is_missing_is_a_clear_error() -> None:
    with pytest.raises(HostError) as caught:
        _resolve("", replace(HOST, known_hosts="/nowhere/known_hosts"))
    assert caught.value.code == "known-hosts-unreadable"


@pytest.mark.parametrize(
    ("text", "jump"),
    [
        ("jump", Jump("jump")),
        ("me@jump", Jump("jump", "me")),
        ("me@jump.example:2222", Jump("jump.example", "me", 2222)),
        ("ssh://me@jump:2222", Jump("jump", "me", 2222)),
        ("me@[2001:db8::1]:2222", Jump("2001:db8::1", "me", 2222)),
        ("2001:db8::1", Jump("2001:db8::1")),
        (" 203.0.113.7 ", Jump("203.0.113.7")),
    ],
)
def test_a_jump_host_is_read(text: str, jump: Jump) -> None:
    assert parse_jump(text) == jump


@pytest.mark.parametrize("text", ["", "a b", "me@", "jump:port", "a@b@c"])
def test_what_is_no_jump_host_is_refused(text: str) -> None:
    with pytest.raises(HostError) as caught:
        parse_jump(text)
    assert caught.value.code == "jump-invalid"


@pytest.mark.parametrize(
    ("text", "host", "contact"),
    [
        ("", HOST, ("vps.example", 22)),
        ("Host *\n  SendEnv LANG LC_*\n", HOST, ("vps.example", 22)),
        ("", replace(HOST, port=2222), ("vps.example", 2222)),
        ("", replace(HOST, proxy_jump=(Jump("jump", "me", 2200), Jump("other"))), ("jump", 2200)),
        ("", replace(HOST, proxy_jump=()), ("vps.example", 22)),
        ("Host x\n  HostName y\n", HOST, None),
        ("Host x\n\tproxyjump=y\n", HOST, None),
        ("Match all\n", HOST, None),
    ],
)
def test_the_first_contact_is_known_early_unless_ssh_config_may_change_it(
    text: str, host: Host, contact: tuple[str, int] | None
) -> None:
    assert config.first_contact(host, text) == contact


def test_the_early_contact_is_the_one_that_is_resolved() -> None:
    host = replace(HOST, proxy_jump=(Jump("jump", "me", 2200), Jump("other")), known_hosts=None)
    first = _resolve("", host).jumps[0].endpoint
    assert config.first_contact(host, "") == (first.hostname, first.port)
