"""`[services.NAME.registry]` and `[gates.signature]`: where images come from, and who vouches."""

from __future__ import annotations

import posixpath
from functools import partial
from typing import TYPE_CHECKING

from deployctl.inventory import checks
from deployctl.inventory.host import Settings
from deployctl.inventory.model import Registry, Signature
from deployctl.inventory.section import Section, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

_PEM = "-----BEGIN"


def read_registry(section: Section, environment: Mapping[str, str], secrets: set[str]) -> Registry:
    """Read a login; what it lacks in the environment is no mistake in the file.

    Args:
        section: its table.
        environment: where `{ env = "NAME" }` looks names up.
        secrets: gets the names of the variables that secrets are taken from.
    """
    settings = Settings(section, environment, secrets)
    if not section.has("password"):
        section.note("is missing", "password")
    registry = Registry(
        server=section.need("server", text(checks.registry), ""),
        username=settings.text("username", checks.registry_user, required=True) or "",
        password=settings.secret("password", checks.password),
        problems=tuple(settings.problems),
    )
    section.refuse_rest()
    return registry


def read_signature(
    section: Section, environment: Mapping[str, str], *, inventory_path: str
) -> Signature:
    """Read what an image must be signed with; as `read_registry`."""
    settings = Settings(section, environment)
    check = partial(
        checks.public_key,
        home=environment.get("HOME"),
        base=posixpath.dirname(inventory_path),
    )
    key = settings.text("key", check, required=True) or ""
    annotations = section.section("annotations")
    signature = Signature(
        key=key if key.startswith(_PEM) else "",
        key_file="" if key.startswith(_PEM) else key,
        annotations=_annotations(section.take("annotations", table, {}), annotations),
        problems=tuple(settings.problems),
    )
    annotations.refuse_rest()
    section.refuse_rest()
    return signature


def _annotations(written: Mapping[str, object], section: Section) -> tuple[tuple[str, str], ...]:
    for name in written:
        try:
            checks.annotation_name(name)
        except ValueError as refusal:
            section.note(str(refusal), name)
    return tuple((name, section.take(name, text(checks.annotation_value), "")) for name in written)
