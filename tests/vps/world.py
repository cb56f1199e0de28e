"""The world that the end-to-end tests, the demo and the benchmark run in.

A VPS here is a container with sshd, a Docker engine of its own, Compose v2 and a registry.
Everything is reached on this machine only.

    with World() as world:
        vps = world.vps()
        vps.up(GOOD[0].tag)
        assert vps.served() == GOOD[0].tag

Three users take the key of the world: ``deploy`` (in the group docker, owns /opt/infra),
``nodocker`` (not in the group docker, has passwordless sudo) and ``plain`` (neither).
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import re
import shlex
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.vps import engine
from tests.vps.catalogue import BACKEND, Kind, full_commit
from tests.vps.engine import WorldError
from tests.vps.inside import Inside
from tests.vps.systems import TRIXIE, System

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

INFRA: Final = "/opt/infra"
COMPOSE_FILES: Final = ("compose/docker-compose.yml", "compose/enforcer/docker-compose.yml")
SCALED: Final = "compose/scaled.yml"
"""On top of COMPOSE_FILES: two containers of the backend, no published port."""
NO_HEALTHCHECK: Final = "compose/no-healthcheck.yml"
"""On top of COMPOSE_FILES: the backend without its health check."""
REGISTRY: Final = "localhost:5000"
REGISTRY_AUTH: Final = "localhost:5001"
"""The same images behind a login; see Vps.registry_auth_start."""
REGISTRY_USER: Final = "deployctl"
REGISTRY_PASSWORD: Final = "correct-horse"
FIRST_EXTRA_SSHD_PORT: Final = 2201

_TOOLS: Final = "/usr/lib/vps"
_MANIFESTS: Final = ", ".join(
    f"application/vnd.oci.image.{kind}.v1+json" for kind in ("index", "manifest")
)


@dataclass(frozen=True)
class KeyPair:
    """The Ed25519 key of one world."""

    private: str
    """In OpenSSH's own format."""
    public: str
    """As in authorized_keys."""
    identity_file: Path

    @classmethod
    def make(cls, directory: Path) -> KeyPair:
        """Make a key pair and keep its private half in the directory."""
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        ).decode()
        public = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        identity_file = directory / "id_ed25519"
        identity_file.touch(mode=0o600)
        identity_file.write_text(private)
        return cls(private, public.decode(), identity_file)


class Vps:
    """One VPS. Made by World; ready to use."""

    host: Final = "127.0.0.1"

    def __init__(
        self, *, name: str, system: System, image: str, key: KeyPair, options: dict[str, Any]
    ) -> None:
        self.name = name
        self.system: Final = system
        self.port: Final = engine.free_port()
        """sshd, published on the loopback interface. It stays the same over a power cut."""
        self.identity_file: Final = key.identity_file
        self.private_key_text: Final = key.private
        self._container = engine.container(
            image,
            hostname=name,
            authorized_key=key.public,
            dockerd_options=system.dockerd_options,
            ssh_port=self.port,
            options=options,
        )
        self._inside = Inside(self._container.get_container_id, key.identity_file)
        self._host_keys: dict[str, str] = {}
        self.left_alone = False
        """Whether it was in the hands of `used_vps` tests only since the last reset."""
        self.memories: Final[set[str]] = set()
        """Names under which `remember` was called."""

    def start(self) -> None:
        """Start the container and wait until everything in it answers."""
        self._container.start()
        self.reset()
        keys = self.run("cat /etc/ssh/ssh_host_ed25519_key.pub /etc/ssh/ssh_host_rsa_key.pub")
        for line in keys.stdout.splitlines():
            kind, blob = line.split()[:2]
            self._host_keys[kind.removeprefix("ssh-")] = f"{kind} {blob}"

    def remove(self) -> None:
        """Remove the container with everything in it; harmless when there is none."""
        self._inside.close()
        self._container.stop()

    # --- how to reach it -------------------------------------------------------------------

    @property
    def container_id(self) -> str:
        """The full id of the container."""
        return self._container.get_container_id()

    @property
    def ip(self) -> str:
        """The address of the container; sshd is at port 22 there, without a proxy between.

        It may change over a power cut.
        """
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return engine.docker_text("inspect", "--format", template, self.container_id)

    def host_public_key(self, kind: str = "ed25519") -> str:
        """Return the host key it first came up with, as "ssh-ed25519 AAAA…".

        kind: ed25519 or rsa.
        """
        return self._host_keys[kind]

    def fingerprint(self, kind: str = "ed25519") -> str:
        """Return "SHA256:…", as ``ssh-keygen -lf`` prints it."""
        blob = base64.b64decode(self.host_public_key(kind).split()[1])
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"

    def known_hosts(self, kind: str = "ed25519") -> str:
        """Return the known_hosts line for (host, port)."""
        return f"[{self.host}]:{self.port} {self.host_public_key(kind)}\n"

    # --- what is in it ---------------------------------------------------------------------

    def run(
        self,
        script: str,
        *,
        user: str = "root",
        check: bool = True,
        stdin: str | bytes | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script inside, whatever became of the machine's sshd and network.

        Bytes that are not UTF-8 are kept as surrogate escapes. A script that takes longer
        than ``timeout`` seconds raises subprocess.TimeoutExpired and goes on running.

        Raises:
            WorldError: the script failed, unless ``check`` is false.
        """
        done = self._inside.run(
            script,
            user=user,
            stdin=stdin.encode("utf-8", "surrogateescape")
            if isinstance(stdin, str)
            else stdin or b"",
            timeout=timeout,
        )
        stdout, stderr = (
            stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr)
        )
        if check and done.returncode != 0:
            raise WorldError(f"exit status {done.returncode} of: {script}\n{stdout}{stderr}")
        return subprocess.CompletedProcess(script, done.returncode, stdout, stderr)

    def write(
        self, path: str, content: str | bytes, *, owner: str = "deploy", mode: int = 0o644
    ) -> None:
        """Write a file. Directories that are missing are made, as the owner."""
        file, directory = shlex.quote(path), shlex.quote(str(PurePosixPath(path).parent))
        self.run(
            f"runuser -u {owner} -- mkdir -p {directory}"
            f" && cat >{file} && chown {owner}: {file} && chmod {mode:o} {file}",
            stdin=content,
        )

    def read(self, path: str) -> str:
        """Return the text of a file; WorldError when there is none."""
        return self.run(f"cat -- {shlex.quote(path)}").stdout

    def served(self, path: str = "/") -> str | None:
        """Return what the backend answers over HTTP, without its newline.

        None: it does not answer, or not with success.
        """
        answer = self.run(f"curl -fsS -m 30 http://127.0.0.1:8080{path}", check=False)
        return answer.stdout.rstrip("\n") if answer.returncode == 0 else None

    def db_counter(self) -> int:
        """Return how often the database has started since it was made: 1 if left alone."""
        return int(self.read("/var/lib/docker/volumes/compose_db-data/_data/starts"))

    def up(
        self,
        tag: str,
        service: str = BACKEND,
        *,
        files: tuple[str, ...] = COMPOSE_FILES,
        wait: bool = True,
    ) -> None:
        """Do by hand, as the user deploy, what deployctl wraps.

        wait: until it is healthy, and raise WorldError if that fails. (Compose 2.26 can not
        wait for a service without a health check.)
        """
        flags = " ".join(f"-f {file}" for file in files)
        self.run(
            f"cd {INFRA}; export IMAGE_TAG={tag};"
            f" docker compose {flags} up -d {'--wait' if wait else ''} {service}",
            user="deploy",
        )

    # --- its registry ----------------------------------------------------------------------

    def registry_stop(self) -> None:
        """Stop the registry: nothing can be pulled."""
        self._service("stop", "registry")

    def registry_start(self) -> None:
        """Start the registry again."""
        self._service("start", "registry")

    def registry_auth_start(self) -> None:
        """Serve the same images at REGISTRY_AUTH too, for REGISTRY_USER and REGISTRY_PASSWORD."""
        self._service("start", "registry-auth")

    def push(
        self, tag: str, *, text: str, kind: Kind = Kind.HEALTHY, revision: str | None = None
    ) -> str:
        """Push a backend image that serves the text; return its digest."""
        arguments = shlex.join([BACKEND, tag, kind, text, revision or ""])
        return self.run(f"{_TOOLS}/push-image {arguments}").stdout.strip()

    def repush(self, tag: str) -> str:
        """Move a tag to another healthy image, that serves "<tag>-moved"; return its digest."""
        return self.push(tag, text=f"{tag}-moved", revision=full_commit(tag.removeprefix("sha-")))

    def digest(self, tag: str, repository: str = BACKEND) -> str:
        """Return the digest that the registry serves for a tag."""
        url = f"http://127.0.0.1:5000/v2/{repository}/manifests/{tag}"
        headers = self.run(f"curl -fsSI -H 'Accept: {_MANIFESTS}' {url}").stdout
        found = re.search(r"(?im)^docker-content-digest: (\S+)", headers)
        if found is None:
            raise WorldError(f"the registry names no digest for {tag}:\n{headers}")
        return found[1]

    # --- what can happen to it -------------------------------------------------------------

    def dockerd_stop(self) -> None:
        """Stop the engine, and with it all containers."""
        self._service("stop", "dockerd")

    def dockerd_start(self) -> None:
        """Start the engine; containers that were running come back."""
        self._service("start", "dockerd")

    def dockerd_restart(self) -> None:
        """Stop the engine and start it again."""
        self._service("restart", "dockerd")

    def sshd_stop(self) -> None:
        """Refuse new connections; those that are open stay open."""
        self._service("stop", "sshd")

    def sshd_start(self) -> None:
        """Accept connections again."""
        self._service("start", "sshd")

    def sshd_restart(self) -> None:
        """Start sshd anew, with the configuration and host keys of now."""
        self._service("restart", "sshd")

    def blackhole(self) -> None:
        """Drop every packet to and from sshd, as a dead link does.

        Noticed by clients of ``ip`` only: in front of ``port``, a proxy goes on to acknowledge.
        """
        self.run("iptables -I INPUT -p tcp --dport 22 -j DROP")
        self.run("iptables -I OUTPUT -p tcp --sport 22 -j DROP")

    def heal(self) -> None:
        """Undo a blackhole, and any other firewall rule of a test."""
        self.run("iptables -F INPUT; iptables -F OUTPUT")

    def power_off(self) -> None:
        """Kill everything in it at once. (What was written is kept, synced or not.)"""
        self._inside.close()
        engine.docker_text("kill", self.container_id)

    def power_on(self) -> None:
        """Boot it again, and wait until everything that starts by itself is up."""
        engine.docker_text("start", self.container_id)
        self._run_early(f"{_TOOLS}/ready")

    def power_cut(self) -> None:
        """Kill everything in it at once, and boot it again."""
        self.power_off()
        self.power_on()

    def extra_sshds(self, count: int) -> list[int]:
        """Return the ports, at ``ip``, of so many more sshd processes; they outlive a reset."""
        ports = list(range(FIRST_EXTRA_SSHD_PORT, FIRST_EXTRA_SSHD_PORT + count))
        names = " ".join(f"sshd-{port}" for port in ports)
        self.run(
            f"for action in launch start; do for name in {names}; do"
            f" {_TOOLS}/service $action $name || exit; done; done"
        )
        return ports

    def remember(self, name: str) -> None:
        """Keep what was deployed since a reset, for another `reset`: nothing may be going on."""
        self.run(f"{_TOOLS}/remember {name}")
        self.memories.add(name)

    def reset(self, memory: str = "") -> None:
        """Put everything back to how it was when the VPS first came up, or was remembered.

        Gone afterwards: containers, images and networks but the database's; what tests left in
        /opt/infra, /home, /tmp, /usr/local/bin, the registry and the firewall; every process of
        the three users, so SSH connections too. The database goes on if nobody touched it, and
        so does a remembered backend.
        """
        # Does nothing to a container that runs.
        engine.docker_text("start", self.container_id)
        self._run_early(f"{_TOOLS}/reset {memory}")
        self.left_alone = False

    def _run_early(self, script: str) -> None:
        """Run what waits for the end of a boot."""
        engine.docker_text("exec", self.container_id, "sh", "-c", script, timeout=120)

    def _service(self, action: str, name: str) -> None:
        self.run(f"{_TOOLS}/service {action} {name}")


class World:
    """Makes VPSs, and removes them again when the ``with`` block or the process ends.

    Args:
        announce: Called with a line of text before something that takes long.
        system: What its VPSs run.

    Raises:
        WorldError: no engine answers, or the image can not be built.
    """

    def __init__(
        self, announce: Callable[[str], None] = lambda _: None, system: System = TRIXIE
    ) -> None:
        self._announce = announce
        self._system = system
        self._machines: list[Vps] = []

    def __enter__(self) -> Self:
        engine.require_engine()
        engine.remove_orphans()
        self._directory = tempfile.TemporaryDirectory(prefix="deployctl-world-")
        atexit.register(self.close)
        self._key = KeyPair.make(Path(self._directory.name))
        self._image = engine.ensure_image(self._system.suite, self._announce)
        self._options = engine.privileges(self._image)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def vps(self, number: int = 0) -> Vps:
        """Return the VPS of that number, 0 being the first; missing ones are started."""
        missing = [
            Vps(
                name=f"vps{index + 1}",
                system=self._system,
                image=self._image,
                key=self._key,
                options=self._options,
            )
            for index in range(len(self._machines), number + 1)
        ]
        # Known before they start, so that a failed start leaves nothing behind.
        self._machines += missing
        if missing:
            self._announce(f"starting {', '.join(machine.name for machine in missing)}")
            with ThreadPoolExecutor() as pool:
                list(pool.map(Vps.start, missing))
        return self._machines[number]

    def close(self) -> None:
        """Remove everything; may be called more than once."""
        atexit.unregister(self.close)
        machines, self._machines = self._machines, []
        if machines:
            with ThreadPoolExecutor() as pool:
                list(pool.map(Vps.remove, machines))
        self._directory.cleanup()
