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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployctl.errors import HostError
from deployctl.inventory import Host
from deployctl.ssh.failures import Place, printable

SSH_PORT = 22
_INCLUDE_DEPTH = 16  # as OpenSSH
# Keywords that may send a connection elsewhere than to the address in the inventory.
_ROUTING = re.compile(
    r"^\s*(hostname|port|proxyjump|proxycommand|match|canonicalizehostname|connecttimeout)\b",
    re.IGNORECASE | re.MULTILINE,
)
_KEYWORD = re.compile(r"^\s*(\w+)(?:\s*=\s*|\s+)(.*?)\s*$")


@dataclass(frozen=True)
class Target:
    """One machine to log in to.

    Attributes:
        place: where it is.
        user: login name.
        key_name: name under which its host key is known.
        known_hosts: files with host keys.
        identity_files: private keys named in ssh_config.
        only_those: whether the agent's other keys and the default files stay untried.
        timeout: seconds for the connection, key exchange and authentication each.
        proxy_command: program to talk through; None: a TCP connection.
        jumps: machines to pass on the way, the nearest first.
        is_jump: whether it is such a machine itself.
    """

    place: Place
    user: str
    key_name: str
    known_hosts: tuple[Path, ...]
    identity_files: tuple[str, ...]
    only_those: bool
    timeout: float
    proxy_command: str | None
    jumps: tuple[Target, ...]
    is_jump: bool


@dataclass(frozen=True)
class Jump:
    """One element of ProxyJump: [user@]host[:port]."""

    user: str | None
    name: str
    port: int | None


def parse_jump(text: str) -> Jump:
    """Read "[user@]host[:port]", with IPv6 addresses in brackets, or an ssh:// URI.

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
    return Jump(found[1], found[2] or found[3], int(found[4]) if found[4] else None)


def read(path: Path | None) -> str:
    """Return the text of the ssh_config files with all Include lines resolved.

    Args:
        path: a file used instead of the user's and the system's.
    """
    user = Path("~/.ssh").expanduser()
    if path is not None:
        return _expand(path, user)
    system = Path("/etc/ssh")
    return _expand(user / "config", user) + _expand(system / "ssh_config", system)


def _expand(path: Path, base: Path, block: str = "Host *", depth: int = 0) -> str:
    """Return a file's text, with the files that it includes; paramiko ignores Include.

    Args:
        path: the file.
        base: directory of relative names.
        block: the Host or Match line that the text stands under.
        depth: how many files include it.
    """
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    lines = [block]
    for line in text.splitlines():
        found = _KEYWORD.match(line)
        keyword = found[1].lower() if found else ""
        if keyword in ("host", "match"):
            block = line
        if found and keyword == "include" and depth < _INCLUDE_DEPTH:
            parts = _included(found[2], base)
            lines += [_expand(part, base, block, depth + 1) for part in parts]
            lines.append(block)  # what follows belongs to this file's block again
        else:
            lines.append(line)
    return "\n".join([*lines, ""])


def _included(patterns: str, base: Path) -> list[Path]:
    files: list[Path] = []
    for pattern in _words(patterns):
        path = base / Path(pattern).expanduser()
        files += sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    return files


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def first_contact(host: Host, config: str) -> tuple[str, int] | None:
    """Return host name and port of the first TCP connection, if that is certain without paramiko.

    Args:
        host: from the inventory.
        config: what `read` returned.
    """
    if _ROUTING.search(config):
        return None
    if host.proxy_jump and host.proxy_jump.lower() != "none":
        jump = parse_jump(host.proxy_jump.split(",")[0])
        return jump.name, jump.port or SSH_PORT
    return host.address, host.port or SSH_PORT


def resolve(host: Host, config: str) -> Target:
    """Return where a host of the inventory is; the inventory wins over ssh_config.

    Args:
        host: from the inventory.
        config: what `read` returned.

    Raises:
        HostError: ssh-config-invalid, jump-invalid, user-unknown or known-hosts-unreadable.
    """
    return _Resolver(host, config).target()


class _Resolver:
    """Answers for one host of the inventory and its jump hosts."""

    def __init__(self, host: Host, config: str) -> None:
        self._host = host
        self._config = config
        self._passed = {host.address}

    def target(self) -> Target:
        host = self._host
        start = Jump(host.user, host.address, host.port)
        return self._target(start, host.name, host.proxy_jump)

    def _target(self, start: Jump, label: str, proxy_jump: str | None) -> Target:
        found = _look_up(self._config, start)
        hostname = found.get("hostname") or start.name
        port = start.port or _number(found.get("port")) or SSH_PORT
        jumps = self._jumps(proxy_jump or found.get("proxyjump") or "none")
        return Target(
            place=Place(label, hostname, port),
            user=start.user or found.get("user") or _local_user(label),
            key_name=found.get("hostkeyalias") or hostname,
            known_hosts=_known_hosts(self._host, found),
            identity_files=_identity_files(found),
            only_those=(found.get("identitiesonly") or "").lower() == "yes",
            timeout=self._timeout(found),
            proxy_command=None if proxy_jump or jumps else found.get("proxycommand"),
            jumps=jumps,
            is_jump=start.name != self._host.address,
        )

    def _jumps(self, text: str) -> tuple[Target, ...]:
        """Return the machines of a ProxyJump value and those on the way to its first one."""
        if text.lower() == "none":
            return ()
        jumps: list[Target] = []
        for part in text.split(","):
            jump = parse_jump(part)
            # With `Host *` the jump host is its own jump host: OpenSSH ignores that, too.
            if jump.name in self._passed:
                continue
            self._passed.add(jump.name)
            target = self._target(jump, jump.name, "none" if jumps else None)
            jumps += [*target.jumps, target]
        return tuple(jumps)

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
        raise _invalid(error) from error
    return found


def _invalid(error: Exception) -> HostError:
    return HostError(
        "ssh-config-invalid",
        f"cannot use your ssh_config: {printable(str(error))}",
        hint="`ssh -G HOST` shows what OpenSSH makes of it; paramiko reads fewer keywords "
        "of Match than OpenSSH",
    )


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
        path = Path(host.known_hosts).expanduser()
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
    names = [name for name in (*_words(user), *_words(system)) if name != "none"]
    home = str(Path.home())
    return tuple(Path(name.replace("%d", home)).expanduser() for name in names)


def _identity_files(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in found.get("identityfile", ()) if name.lower() != "none")
