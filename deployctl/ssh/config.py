"""Where to connect: the inventory's host, completed from the user's ssh_config.

Fabric never sees the ssh_config: values such as `ProxyJump none` or `ForwardAgent /path` make it
fail, and its jump hosts are not checked. Paramiko's parser is asked instead, and the result is a
plain value.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployctl.errors import HostError
from deployctl.inventory import Host, Jump
from deployctl.ssh.config_files import at_home, invalid, words
from deployctl.ssh.endpoint import SSH_PORT, Endpoint
from deployctl.ssh.failures import printable

# Keywords that may send a connection elsewhere than to the address in the inventory.
_ROUTING = re.compile(
    r"^\s*(hostname|port|proxyjump|proxycommand|match|canonicalizehostname|connecttimeout)\b",
    re.IGNORECASE | re.MULTILINE,
)
_TOKEN = re.compile(r"%[%di]|\$\{(\w+)\}")


@dataclass(frozen=True)
class Target:
    """One machine to log in to.

    Attributes:
        endpoint: where it is.
        user: login name.
        key_name: name under which its host key is known.
        known_hosts: files with host keys.
        revoked: files that name keys which must never be accepted.
        identity_files: private keys named in ssh_config.
        only_those: whether the agent's other keys and the default files stay untried.
        agent: socket of the agent to ask; None: that of SSH_AUTH_SOCK; empty: no agent.
        timeout: seconds for the connection, key exchange and authentication each.
        proxy_command: program to talk through; None: a TCP connection.
        jumps: machines to pass on the way, the nearest first.
        is_jump: whether it is such a machine itself.
    """

    endpoint: Endpoint
    user: str
    key_name: str
    known_hosts: tuple[Path, ...]
    revoked: tuple[Path, ...]
    identity_files: tuple[str, ...]
    only_those: bool
    agent: str | None
    timeout: float
    proxy_command: str | None
    jumps: tuple[Target, ...]
    is_jump: bool


def parse_jump(text: str) -> Jump:
    """Read one element of ssh_config's ProxyJump: [user@]host[:port] or an ssh:// URI.

    Raises:
        HostError: jump-invalid.
    """
    found = re.fullmatch(
        r"(?:ssh://)?(?:([^@\s]+)@)?(?:\[([^\]\s]+)\]|([^:\s@/\[\]]+|[0-9A-Fa-f:]+))(?::(\d{1,5}))?/?",
        text.strip(),
    )
    if not found:
        raise HostError(
            "jump-invalid",
            f"cannot read the jump host {printable(text)!r}",
            hint='write it as "user@host" or "user@host:port"',
        )
    return Jump(found[2] or found[3], found[1], int(found[4]) if found[4] else None)


def first_contact(host: Host, config: str) -> tuple[str, int] | None:
    """Return host name and port of the first TCP connection, if that is certain without paramiko.

    Args:
        host: from the inventory.
        config: what `config_files.read` returned.
    """
    if _ROUTING.search(config):
        return None
    if host.proxy_jump:
        jump = host.proxy_jump[0]
        return jump.name, jump.port or SSH_PORT
    return host.address, host.port or SSH_PORT


def resolve(host: Host, config: str) -> Target:
    """Return where a host of the inventory is; the inventory wins over ssh_config.

    Args:
        host: from the inventory.
        config: what `config_files.read` returned.

    Raises:
        HostError: ssh-config-invalid, jump-invalid, user-unknown or known-hosts-unreadable.
    """
    return _Resolver(host, config).target()


class _Resolver:
    """Answers for one host of the inventory and its jump hosts."""

    def __init__(self, host: Host, config: str) -> None:
        self._host = host
        self._config = config
        self._found: dict[Jump, Mapping[str, Any]] = {}
        self._passed: set[tuple[str, int]] = set()

    def target(self) -> Target:
        host = self._host
        start = Jump(host.address, host.user, host.port)
        self._passed.add(self._end(start))
        return self._target(start, host.name, host.proxy_jump, is_jump=False)

    def _target(
        self, start: Jump, label: str, asked_for: Sequence[Jump] | None, *, is_jump: bool
    ) -> Target:
        """Return a machine; `asked_for`: the jump hosts to pass; None: those of ssh_config."""
        found = self._look_up(start)
        hostname = found.get("hostname") or start.name
        _, port = self._end(start)
        jumps = (
            self._jumps_of_config(found.get("proxyjump") or "none")
            if asked_for is None
            else self._jumps(asked_for)
        )
        return Target(
            endpoint=Endpoint(label, hostname, port),
            user=start.user or found.get("user") or _local_user(label),
            key_name=found.get("hostkeyalias") or hostname,
            known_hosts=_known_hosts(self._host, found),
            revoked=_files(found.get("revokedhostkeys") or "none"),
            identity_files=_identity_files(found),
            only_those=(found.get("identitiesonly") or "").lower() == "yes",
            agent=_agent(found.get("identityagent")),
            timeout=self._timeout(found),
            proxy_command=_proxy_command(found) if asked_for is None and not jumps else None,
            jumps=jumps,
            is_jump=is_jump,
        )

    def _jumps_of_config(self, text: str) -> tuple[Target, ...]:
        """Return the machines of a ProxyJump, but for those that are on the way already.

        With `Host *` the jump host is its own jump host: OpenSSH ignores that, too.
        """
        if text.lower() == "none":
            return ()
        named = dict.fromkeys(parse_jump(part) for part in text.split(","))
        return self._jumps([jump for jump in named if self._end(jump) not in self._passed])

    def _jumps(self, named: Sequence[Jump]) -> tuple[Target, ...]:
        """Return machines, and those on the way to the first one."""
        self._passed |= {self._end(jump) for jump in named}
        jumps: list[Target] = []
        for jump in named:
            target = self._target(jump, jump.name, () if jumps else None, is_jump=True)
            jumps += [*target.jumps, target]
        return tuple(jumps)

    def _end(self, start: Jump) -> tuple[str, int]:
        """What tells machines apart: another port of an address may lead to another one."""
        port = start.port or _number(self._look_up(start).get("port")) or SSH_PORT
        return start.name, port

    def _look_up(self, start: Jump) -> Mapping[str, Any]:
        if start not in self._found:  # once each: it may start programs (Match exec)
            self._found[start] = _look_up(self._config, start)
        return self._found[start]

    def _timeout(self, found: Mapping[str, Any]) -> float:
        timeout = self._host.connect_timeout
        if timeout == Host.connect_timeout:  # the default: not set in the inventory
            timeout = _number(found.get("connecttimeout")) or timeout
        return timeout


def _look_up(config: str, start: Jump) -> Mapping[str, Any]:
    """Return what ssh_config says about a name, by keyword in lower case."""
    if not config:
        return {}
    import paramiko

    # First, as the first value counts: %p and %r in later lines mean these, too.
    ours = [f"Host {shlex.quote(start.name)}"]
    ours += [f"User {start.user}"] if start.user else []
    ours += [f"Port {start.port}"] if start.port else []
    try:
        parsed = paramiko.SSHConfig.from_text("\n".join([*ours, config]))
        found: Mapping[str, Any] = parsed.lookup(start.name)
    except (paramiko.SSHException, ValueError, KeyError, OSError) as error:
        raise invalid(error) from error
    return found


def _local_user(label: str) -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:
        raise HostError(
            "user-unknown",
            f"no user is given for {label}, and the local user has no name",
            hint=f'add to [hosts.{label}]: user = "…"',
        ) from error


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None  # "none" is a value, too


def _known_hosts(host: Host, found: Mapping[str, Any]) -> tuple[Path, ...]:
    if host.known_hosts:
        path = at_home(host.known_hosts)
        if not os.access(path, os.R_OK):
            raise HostError(
                "known-hosts-unreadable",
                f"cannot read the known_hosts file of {host.name}: {path}",
                hint=f"check `known_hosts` in [hosts.{host.name}] and the file's permissions",
            )
        return (path,)
    user = found.get("userknownhostsfile") or "~/.ssh/known_hosts ~/.ssh/known_hosts2"
    system = found.get("globalknownhostsfile")
    system = system or "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
    return _files(user) + _files(system)


def _files(names: str) -> tuple[Path, ...]:
    """Return the files that a value names; "none" is a value, too."""
    return tuple(_file(name) for name in words(names) if name.lower() != "none")


def _file(name: str) -> Path:
    """Return the file that a value names, with the tokens in it that mean the same for any host."""
    tokens = {"%%": "%", "%d": str(Path.home()), "%i": str(os.getuid())}
    filled = _TOKEN.sub(
        lambda found: os.environ.get(found[1], "") if found[1] else tokens[found[0]], name
    )
    return at_home(filled)


def _agent(value: str | None) -> str | None:
    if value is None or value == "SSH_AUTH_SOCK":
        return None
    if value.lower() == "none":
        return ""
    if variable := re.fullmatch(r"\$\{?(\w+)\}?", value):
        return os.environ.get(variable[1], "")
    return str(_file(value))


def _proxy_command(found: Mapping[str, Any]) -> str | None:
    command: str | None = found.get("proxycommand")
    if command and (found.get("proxyusefdpass") or "").lower() == "yes":
        raise invalid(
            ValueError("ProxyUseFdpass is not supported"),
            "use a ProxyCommand that passes the data on itself (nc without -F), or a ProxyJump",
        )
    return command


def _identity_files(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in found.get("identityfile", ()) if name.lower() != "none")
