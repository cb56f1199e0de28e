"""`[gates]`, `[gates.signature]` and `[github]` → what must hold, and what a workflow is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployctl.inventory import checks
from deployctl.inventory.section import Section, flag, sequence, table, text
from deployctl.inventory.settings import Environment, Settings
from deployctl.inventory.values.gates import Gates, Github, Signature

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_gates(section: Section, environment: Environment) -> Gates:
    """Read the rules for every service."""
    gates = Gates(
        source_refs=section.take(
            "source_refs", sequence(text(checks.source_ref)), Gates.source_refs
        ),
        source_events=section.take(
            "source_events", sequence(text(checks.source_event)), Gates.source_events
        ),
        long_tags=section.take("long_tags", flag, stand_in=Gates.long_tags),
        require_revision=section.take("require_revision", flag, stand_in=Gates.require_revision),
        signature=_signature(section.section("signature"), environment)
        if section.has("signature")
        else None,
    )
    section.refuse_rest()
    return gates


def read_github(section: Section) -> Github:
    """Read what a workflow is told."""
    github = Github(container_log=section.take("container_log", flag, Github.container_log))
    section.refuse_rest()
    return github


def _signature(section: Section, environment: Environment) -> Signature:
    """Read what an image must be signed with; what the environment lacks for it is no mistake."""
    settings = Settings(section, environment)

    def key_or_file(written: str) -> str:
        return checks.public_key(written) if _is_key(written) else environment.local_file(written)

    key = settings.text("key", key_or_file, required=True) or ""
    annotations = section.section("annotations")
    signature = Signature(
        key=key if _is_key(key) else "",
        key_file="" if _is_key(key) else key,
        annotations=_annotations(section.take("annotations", table, {}), annotations),
        problems=tuple(settings.problems),
    )
    annotations.refuse_rest()
    section.refuse_rest()
    return signature


def _is_key(written: str) -> bool:
    """Whether it is a key itself (or a private one, by mistake), and not the path of a file."""
    return written.lstrip().startswith("-----BEGIN") or "PRIVATE KEY" in written


def _annotations(written: Mapping[str, object], section: Section) -> tuple[tuple[str, str], ...]:
    for name in written:
        try:
            checks.annotation_name(name)
        except ValueError as refusal:
            section.note(str(refusal), name)
    return tuple((name, section.take(name, text(checks.annotation_value), "")) for name in written)
