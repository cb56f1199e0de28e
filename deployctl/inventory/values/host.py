"""One host: how to reach it, and how to know that it is the right one."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PinnedKey:
    """The host key that an inventory expects.

    Attributes:
        fingerprint: "SHA256:…", as `ssh-keygen -lf` prints it.
        key_type: "ssh-ed25519" and the like; None: only the fingerprint is written, which does
            not tell.
        setting: where it is written, for messages.
    """

    fingerprint: str
    key_type: str | None = None
    setting: str = "host_key in the inventory"


@dataclass(frozen=True)
class Jump:
    """A jump host as it is written: [user@]host[:port].

    Attributes:
        name: host name or IP address, or an alias of the user's ssh_config.
        user: login; None: ssh_config's, else the local user's name.
        port: TCP port; None: ssh_config's, else 22.
    """

    name: str
    user: str | None = None
    port: int | None = None


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
        host_key: the key that it must show; None: known_hosts decides.
        known_hosts: path of a known_hosts file used instead of the user's; None: the user's.
        proxy_jump: the jump hosts to pass, the nearest first; None: those of ssh_config.
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
    host_key: PinnedKey | None = None
    known_hosts: str | None = None
    proxy_jump: tuple[Jump, ...] | None = None
    connect_timeout: float = 10.0
    sudo: bool = False
