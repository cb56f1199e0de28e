"""What an inventory says, as frozen values."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from deployctl import workflow_events
from deployctl.errors import UsageError
from deployctl.inventory.text import closest, escaped, listing, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Host:
    """How to reach one host, and how to know that it is the right one.

    Attributes:
        name: the key in `[hosts]`.
        address: host name or IP address, or an alias of the user's ssh_config.
        port: TCP port; None: ssh_config's, else 22.
        user: login; None: ssh_config's, else the local user's name.
        private_key: the text of a private key, ending with a newline (a secret: never shown);
            None: not given.
        private_key_source: where the text came from, for messages ("DEPLOY_SSH_KEY").
        passphrase: of that key or identity file (a secret); None: not given.
        identity_file: path of a private key file; None: not given.
        host_key: pinned fingerprint, "SHA256:…"; None: known_hosts decides.
        host_key_source: the variable that it came from, for messages; empty: it is written out.
        known_hosts: path of a known_hosts file used instead of the user's; None: the user's.
        proxy_jump: "user@host:port" of a jump host; None: ssh_config's ProxyJump, if any.
        connect_timeout: seconds for the connection, key exchange and authentication each.
        sudo: whether host scripts run under `sudo -n`.
    """

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    private_key: str | None = field(default=None, repr=False)
    private_key_source: str = ""
    passphrase: str | None = field(default=None, repr=False)
    identity_file: str | None = None
    host_key: str | None = None
    host_key_source: str = ""
    known_hosts: str | None = None
    proxy_jump: str | None = None
    connect_timeout: float = 10.0
    sudo: bool = False


class EnvironmentProblem(NamedTuple):
    """Why a setting could not be taken from the environment. Never holds the value.

    Attributes:
        variable: name of the environment variable.
        setting: path of the setting that needs it ("hosts.vps.address").
        reason: what is wrong, said of the variable ("is not set").
        missing: whether it is unset or empty, not merely unusable.
    """

    variable: str
    setting: str
    reason: str
    missing: bool


@dataclass(frozen=True)
class Registry:
    """How a host logs in to the registry of a service's image, for as long as it fetches.

    Attributes:
        server: "HOST" or "HOST:PORT", as images name it; "docker.io" for Docker Hub.
        username: login there.
        password: password or token (a secret: never shown); None: there is none, so the host's own
            login counts.
        problems: what the environment lacks for it; it matters to those who fetch.
    """

    server: str
    username: str
    password: str | None = field(default=None, repr=False)
    problems: tuple[EnvironmentProblem, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there is a login to give to the host."""
        return self.password is not None and not self.problems

    def require(self) -> None:
        """Raise a UsageError if the environment lacks what the inventory takes from it."""
        if self.problems:
            raise _environment_error(f"registry {self.server}", self.problems)


@dataclass(frozen=True)
class ComposeService:
    """One service of a Compose project, which deployctl deploys over SSH.

    Attributes:
        name: the service's name in the compose files.
        hosts: names of the hosts, in the order in which they are deployed.
        directory: absolute path on the host where docker compose is called.
        compose_files: paths, absolute or relative to `directory`, in the order of the `-f`
            options.
        tag_variable: name of the environment variable that carries the tag.
        health_timeout: seconds that a new release has to become healthy.
        stable: seconds that a release must stay up without a restart; None: 5 for a service
            without a health check, 0 with one.
        keep: known-good releases kept on the host for rollback; 0: all.
        state_directory: absolute path of deployctl's files on the host.
        persist: whether the deployed tag is kept in the project's .env, for a plain
            `docker compose up` by hand.
        registry: how to log in where its image comes from; None: the host's own login counts.
    """

    name: str
    hosts: tuple[str, ...]
    directory: str
    compose_files: tuple[str, ...]
    tag_variable: str = "IMAGE_TAG"
    health_timeout: float = 60.0
    stable: float | None = None
    keep: int = 5
    state_directory: str = ""
    persist: bool = False
    registry: Registry | None = None

    @property
    def project_directory(self) -> str:
        """The directory that Compose takes for the project's: that of the first file."""
        first = posixpath.join(self.directory, self.compose_files[0])
        return posixpath.normpath(posixpath.dirname(first))

    @property
    def env_file(self) -> str:
        """The file that Compose reads variables from, which is in the project's directory."""
        return posixpath.join(self.project_directory, ".env")


@dataclass(frozen=True)
class GitopsService:
    """One service that Flux applies from a Git repository.

    Attributes:
        name: of the service.
        hosts: names of the hosts on which it runs; nothing is changed there over SSH.
    """

    name: str
    hosts: tuple[str, ...] = ()


Service: TypeAlias = ComposeService | GitopsService
"""A service of one of the deploy models; `match` tells which."""


@dataclass(frozen=True)
class Signature:
    """What an image must be signed with.

    Attributes:
        key: the public key, PEM; empty: it is in `key_file`.
        key_file: path of it on this computer; empty: it is in `key`.
        annotations: (name, value) pairs that the signature must have.
        problems: what the environment lacks for it; it matters to those who deploy.
    """

    key: str = ""
    key_file: str = ""
    annotations: tuple[tuple[str, str], ...] = ()
    problems: tuple[EnvironmentProblem, ...] = ()

    def require(self) -> None:
        """Raise a UsageError if the environment lacks what the inventory takes from it."""
        if self.problems:
            raise _environment_error("gates.signature", self.problems)


@dataclass(frozen=True)
class Gates:
    """What must hold before anything is deployed.

    Attributes:
        source_refs: Git refs from which a workflow may deploy; empty (never from a file): any.
        source_events: events of GitHub Actions whose workflows may change a host.
        long_tags: whether tags of 7 to 40 hex digits are accepted, not only of 7.
        require_revision: whether an image without a revision label is refused.
        signature: what an image must be signed with; None: nothing.
    """

    source_refs: tuple[str, ...] = ("refs/heads/main",)
    source_events: tuple[str, ...] = workflow_events.DEFAULT
    long_tags: bool = False
    require_revision: bool = False
    signature: Signature | None = None


@dataclass(frozen=True)
class Github:
    """What a workflow is told.

    Attributes:
        container_log: whether it gets what a failing container, its health checks and Compose
            said; whoever can read the repository can read that.
    """

    container_log: bool = True


@dataclass(frozen=True)
class Inventory:
    """Everything the inventory file says.

    Attributes:
        path: the file it was read from, for messages.
        hosts: by name; only those that need nothing from the environment, or got it.
        services: by name.
        gates: rules for every service.
        github: what a workflow is told.
        unresolved: the other hosts, by name, each with what it lacks. It matters only to those
            who use such a host: completion and services elsewhere work without its secrets.
        secret_variables: names of the variables that any host or service takes a secret from,
            whether or not they are set.
    """

    path: str
    hosts: Mapping[str, Host]
    services: Mapping[str, Service]
    gates: Gates
    unresolved: Mapping[str, tuple[EnvironmentProblem, ...]] = field(default_factory=dict)
    github: Github = Github()
    secret_variables: frozenset[str] = frozenset()

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must never be shown: keys, passphrases, passwords, whole logins."""
        keys = [
            text for host in self.hosts.values() for text in (host.private_key, host.passphrase)
        ]
        logins = [service.registry for service in self.compose_services if service.registry]
        words = [
            text
            for login in logins
            if login.password
            for text in (login.password, f"{login.username}:{login.password}")
        ]
        return tuple(filter(None, dict.fromkeys([*keys, *words])))

    @property
    def compose_services(self) -> tuple[ComposeService, ...]:
        """The services that are deployed over SSH, in the order of the file."""
        return tuple(s for s in self.services.values() if isinstance(s, ComposeService))

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names of all hosts, sorted, whether or not the environment suffices for them."""
        return tuple(sorted({*self.hosts, *self.unresolved}))

    def host(self, name: str) -> Host:
        """Return one host; raises UsageError as `resolve_hosts` does."""
        return self.resolve_hosts([name])[0]

    def resolve_hosts(self, names: Iterable[str]) -> tuple[Host, ...]:
        """Return the hosts of these names, in this order.

        Raises:
            UsageError: "unknown-host"; or "environment-missing" / "environment-invalid", which
                names every variable that these hosts lack (at least one is missing) or that has
                a value they cannot use.
        """
        wanted = tuple(names)
        for name in wanted:
            if name not in self.hosts and name not in self.unresolved:
                raise _unknown("host", name, self.host_names, self.path)
        lacking = [name for name in dict.fromkeys(wanted) if name in self.unresolved]
        if lacking:
            raise _environment_error(
                _hosts(lacking),
                [problem for name in lacking for problem in self.unresolved[name]],
            )
        return tuple(self.hosts[name] for name in wanted)

    def service(self, name: str) -> Service:
        """Return one service.

        Raises:
            UsageError: "unknown-service".
        """
        if name not in self.services:
            raise _unknown("service", name, self.services, self.path)
        return self.services[name]


def _unknown(kind: str, name: str, known: Iterable[str], path: str) -> UsageError:
    names = sorted(known)
    listed = f"which has {listing(names)}" if names else "which has none"
    return UsageError(
        f"unknown-{kind}",
        f"unknown {kind} {shown(name)} in {escaped(path)}, {listed}",
        hint=_better_name(kind, name, names),
    )


def _better_name(kind: str, name: str, names: Sequence[str]) -> str:
    if close := closest(name, names):
        return f"type {close} instead of {shown(name)}"
    either = "type one of these names, or " if names else ""
    return f"{either}add the {kind} to the inventory: docs/inventory.md says how"


def _environment_error(whose: str, problems: Sequence[EnvironmentProblem]) -> UsageError:
    settings: dict[str, list[str]] = {}
    for problem in problems:
        settings.setdefault(f"{problem.variable} {problem.reason}", []).append(problem.setting)
    lines = [f"{what} (for {', '.join(users)})" for what, users in settings.items()]
    missing = any(problem.missing for problem in problems)
    return UsageError(
        "environment-missing" if missing else "environment-invalid",
        lines[0] if len(lines) == 1 else _environment_summary(whose, problems),
        hint="export it in your shell, or pass it in the job's `env:` in a workflow"
        if missing
        else "correct its value; docs/inventory.md says what each setting takes",
        details=() if len(lines) == 1 else lines,
    )


def _environment_summary(whose: str, problems: Sequence[EnvironmentProblem]) -> str:
    variables = dict.fromkeys(problem.variable for problem in problems)
    return f"{whose}: missing or unusable in the environment: {listing(variables)}"


def _hosts(names: Sequence[str]) -> str:
    return f"{'host' if len(names) == 1 else 'hosts'} {listing(names)}"
