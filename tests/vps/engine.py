"""What the test world asks of the Docker engine on this machine."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import socket
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from random import randrange
from typing import TYPE_CHECKING, Any, Final

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from tests.vps import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Its image may be out of reach; leftovers are removed by remove_orphans() instead.
testcontainers_config.ryuk_disabled = True

HERE: Final = Path(__file__).parent
OWNER_LABEL: Final = "deployctl.test-world.owner"
PROXY_VARIABLES: Final = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")

PRIVILEGED: Final[dict[str, Any]] = {"privileged": True}
CAPABLE: Final[dict[str, Any]] = {
    "cap_add": [
        "SYS_ADMIN",
        "NET_ADMIN",
        "NET_RAW",
        "SYS_PTRACE",
        "DAC_READ_SEARCH",
        "MKNOD",
        "SYS_CHROOT",
        "SETFCAP",
        "AUDIT_WRITE",
        "IPC_LOCK",
        "SYS_NICE",
    ],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "device_cgroup_rules": ["a *:* rwm"],
}
"""For an engine that may not give a container all capabilities, being in one itself."""


class WorldError(RuntimeError):
    """The test world could not be built, or a command in it failed."""


def docker(
    *arguments: str, stdin: bytes | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[bytes]:
    """Run the docker client; its exit status is the caller's to judge."""
    # Nothing on stdin, rather than what somebody types into the terminal.
    return subprocess.run(
        ["docker", *arguments],
        input=stdin or b"",
        capture_output=True,
        timeout=timeout,
        check=False,
    )


def docker_text(*arguments: str, stdin: bytes | None = None, timeout: float = 60) -> str:
    """Run the docker client and return what it printed; raise WorldError when it fails."""
    done = docker(*arguments, stdin=stdin, timeout=timeout)
    if done.returncode != 0:
        tail = b"\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise WorldError(f"docker {arguments[0]} failed:\n{tail.decode(errors='replace')}")
    return done.stdout.decode().strip()


def require_engine() -> None:
    """Raise WorldError unless an engine answers."""
    if docker("version", "--format", "{{.Server.Version}}").returncode != 0:
        raise WorldError("No Docker engine answers: run scripts/ensure-docker first.")


def ensure_image(suite: str, announce: Callable[[str], None]) -> str:
    """Build the image of the VPS unless there is one of the same content; return its name.

    suite: of Debian.
    """
    context = _build_context()
    image = f"deployctl-vps:{suite}-{hashlib.sha256(context).hexdigest()[:16]}"
    with _one_at_a_time():
        if docker("image", "inspect", image).returncode != 0:
            _build_image(image, suite, context, announce)
    return image


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Tests run in several processes: one builds, the others wait."""
    with (Path(tempfile.gettempdir()) / f"deployctl-vps-build-{os.getuid()}.lock").open(
        "w"
    ) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_image(image: str, suite: str, context: bytes, announce: Callable[[str], None]) -> None:
    base = f"debian:{suite}-slim"
    if docker("image", "inspect", base).returncode != 0:
        raise WorldError(f"No image {base}: run scripts/ensure-base-image {suite} first.")
    announce("building the image of the test VPS (once; half a minute)")
    # The network of this machine: a package proxy may listen on its loopback interface.
    arguments = ["build", "--network", "host", "--build-arg", f"SUITE={suite}", "--tag", image]
    for name in PROXY_VARIABLES:
        if name in os.environ:
            arguments += ["--build-arg", name]
    docker_text(*arguments, "-", stdin=context, timeout=1200)


def _build_context() -> bytes:
    """Return the build context as a tar archive that depends on nothing but its content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add(archive, "Dockerfile", (HERE / "Dockerfile").read_bytes())
        _add(archive, "catalogue", catalogue.listing().encode())
        for path in sorted((HERE / "rootfs").rglob("*")):
            if path.is_file():
                executable = bool(path.stat().st_mode & 0o100)
                name = path.relative_to(HERE).as_posix()
                _add(archive, name, path.read_bytes(), executable=executable)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, *, executable: bool = False) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o755 if executable else 0o644
    archive.addfile(entry, io.BytesIO(content))


def privileges(image: str) -> dict[str, Any]:
    """Find out what this engine can give a container that runs an engine of its own."""
    works = docker("run", "--rm", "--privileged", "--entrypoint", "true", image).returncode == 0
    return PRIVILEGED if works else CAPABLE


def container(
    image: str,
    *,
    hostname: str,
    authorized_key: str,
    dockerd_options: str,
    ssh_port: int,
    options: dict[str, Any],
) -> DockerContainer:
    """Describe a VPS; its sshd is published on 127.0.0.1 only."""
    made = (
        DockerContainer(image)
        .with_env("AUTHORIZED_KEY", authorized_key)
        .with_env("DOCKERD_OPTIONS", dockerd_options)
        .with_tmpfs_mount("/run")
        .with_kwargs(hostname=hostname, labels={OWNER_LABEL: _process(os.getpid())}, **options)
    )
    # with_bind_ports takes no address; docker-py does.
    ports: dict[str, Any] = made.ports
    ports["22/tcp"] = ("127.0.0.1", ssh_port)
    return made


def free_port() -> int:
    """Return a free TCP port below the ephemeral range.

    Docker gives an automatic port away again when the container restarts; and one from the
    ephemeral range could be taken by an outgoing connection at any time.
    """
    while True:
        port = randrange(20000, 32000)  # noqa: S311 - nothing secret
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0 and _bindable(port):
                return port


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def remove_orphans() -> None:
    """Remove the containers whose owner was killed before it could."""
    rows = docker_text(
        *("ps", "--all", "--filter", f"label={OWNER_LABEL}"),
        *("--format", f'{{{{.ID}}}} {{{{.Label "{OWNER_LABEL}"}}}}'),
    )
    orphans = list(_orphans(line.split() for line in rows.splitlines()))
    if orphans:
        docker("rm", "--force", "--volumes", *orphans)


def _orphans(rows: Iterator[Sequence[str]]) -> Iterator[str]:
    for identifier, owner in rows:
        if not owner.endswith(f"/{_pid_namespace()}"):
            continue
        if _process(int(owner.partition("/")[0])) != owner:
            yield identifier


def _process(pid: int) -> str:
    """Name a process for good: pid, start time and pid namespace."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return f"{pid}/gone/{_pid_namespace()}"
    return f"{pid}/{fields[19]}/{_pid_namespace()}"


def _pid_namespace() -> str:
    try:
        return Path("/proc/self/ns/pid").readlink().name
    except OSError:  # not Linux: nothing is known to be an orphan
        return f"unknown-{os.getpid()}"
