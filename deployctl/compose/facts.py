"""What is known of a host, as frozen values: what its scripts found. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deployctl.compose.container import ComposeContainer, LocalImage
from deployctl.compose.lock import Stranger
from deployctl.compose.project import Configuration
from deployctl.compose.script_output import ScriptOutput
from deployctl.release import record
from deployctl.release.hold import Hold
from deployctl.release.reference import Reference, is_digest
from deployctl.release.release import Action
from deployctl.release.results import UnfinishedRun


@dataclass(frozen=True)
class HostFacts:
    """All that a probe found.

    Attributes:
        user: the login that the probe ran as.
        group: the primary group of it.
        image_store: docker's storage driver: image ids differ between stores.
        now: the host's clock.
        missing_tools: of those that the scripts need.
        paths: state of the directory (index 0) and of each compose file.
        containers: every Compose container on the host; None: docker did not answer.
        docker_problem: why it did not: "missing", "denied", "silent" or "remote".
        images: the host's images.
        configuration: the resolved compose files; None: not asked for, or compose failed.
        config_hashes: by service, what Compose would write today on a container that it makes, as
            ComposeContainer.config_hash; with the placeholder as the tag. Empty: not known.
        compose_missing: compose failed and there is no Compose v2.
        complaints: what compose said about the files.
        history: what is recorded.
        holder: who holds the lock; None: nobody.
        hold: a hold on the deploys of the service that was asked for; None: none.
        foreign_files: state files that belong to another user.
        state_access: to the state directory: "not-writable", or "not-there" where the user may not
            make it; empty: it can be written, or not asked for.
        state_owner: whose that directory is, where it is another user's.
        stranger: what holds the lock and is no run of deployctl; None: nothing.
        free_kib: free disk space below the directory; None: not asked for.
        killed_at_logout: logind would kill a detached run.
        kept_tag: what the project's .env says the tag is; empty: nothing, or not asked for.
        env_file_problems: what keeps the user from replacing that file, "WORD USER PATH" each, as
            host/env_file.sh has them; empty: nothing, or not asked for.
        examined: the probe could look into the directory and call docker; otherwise all that
            concerns them is not known.
    """

    user: str = ""
    group: str = ""
    image_store: str = ""
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    missing_tools: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    containers: tuple[ComposeContainer, ...] | None = None
    docker_problem: str = ""
    images: tuple[LocalImage, ...] = ()
    configuration: Configuration | None = None
    config_hashes: Mapping[str, str] = field(default_factory=dict)
    compose_missing: bool = False
    complaints: tuple[str, ...] = ()
    history: record.History = field(default_factory=record.History)
    holder: UnfinishedRun | None = None
    hold: Hold | None = None
    foreign_files: tuple[str, ...] = ()
    free_kib: int | None = None
    state_access: str = ""
    state_owner: str = ""
    stranger: Stranger | None = None
    killed_at_logout: bool = False
    kept_tag: str = ""
    env_file_problems: tuple[str, ...] = ()
    examined: bool = True

    def digests_of(self, image_id: str, repository: str = "") -> tuple[str, ...]:
        """Return the repo digests of an image, of one repository if given."""
        return tuple(
            dict.fromkeys(
                image.digest
                for image in self.images
                if image.image_id == image_id
                and is_digest(image.digest)
                and repository in {"", image.repository}
            )
        )

    def image_named(self, reference: Reference) -> str:
        """Return the id of what REPOSITORY:TAG names on this host; empty: nothing, or not known."""
        named = (reference.repository, reference.tag or "latest")
        found = (i.image_id for i in self.images if (i.repository, i.tag) == named)
        return "" if reference.digest else next(found, "")

    def deploys(self, service: str) -> bool:
        """Whether the run that is changing the host is a deploy of this service."""
        run = self.holder
        return run is not None and run.action == Action.DEPLOY and run.service == service

    def has_image(self, image_id: str) -> bool:
        """Whether the content is on the host."""
        return any(image.image_id == image_id for image in self.images)


@dataclass(frozen=True)
class FetchedImage:
    """What the registry served for a tag.

    Attributes:
        image_id: docker's id of it on this host.
        digest: the digest that the tag had in the registry; empty: docker did not say.
        digests: all repo digests known for the content.
        revision: the label org.opencontainers.image.revision; empty: none.
        signatures: by digest, what cosign said about its signature; empty: it was not asked.
        cosign: whether the host has it; True also where nobody looked.
    """

    image_id: str
    digest: str
    digests: tuple[str, ...]
    revision: str
    signatures: Mapping[str, ScriptOutput] = field(default_factory=dict)
    cosign: bool = True


@dataclass(frozen=True)
class Measures:
    """What host/check.sh found, and what the registry said.

    Attributes:
        docker: the engine's version; empty: not known.
        compose: Compose's version; empty: there is none.
        largest_image: bytes of the largest of the service's images; 0: none is kept.
        image_kib: free disk space where docker keeps images; None: not known.
        state_kib: the same for deployctl's own files.
        reserve: bytes that are set aside there for a run's outcome; 0: none.
        open_files: names of deployctl's own in the state directory that other users can open.
        blocked_by: what is no run, and keeps one from taking the lock; None: nothing.
        registry: what a fetch of a tag that nobody has pushed said; None: not asked.
    """

    docker: str = ""
    compose: str = ""
    largest_image: int = 0
    image_kib: int | None = None
    state_kib: int | None = None
    reserve: int = 0
    open_files: tuple[str, ...] = ()
    blocked_by: Stranger | None = None
    registry: FetchFailure | None = None


@dataclass(frozen=True)
class FetchFailure:
    """The pull did not work.

    Attributes:
        words: docker's own last ones, as evidence.
        timed_out: it took too long.
        login_failed: it was the login that the client gave, before the pull.
        host_has_login: whether the host itself is logged in to the registry; None: the client
            gave a login, so it does not matter.
        places: that do not take the login that the client gave, "WORD PATH" each: "full" or
            "not-writable"; None: one did, or none was needed.
    """

    words: tuple[str, ...]
    timed_out: bool
    login_failed: bool = False
    host_has_login: bool | None = None
    places: tuple[str, ...] | None = None
