"""One `[hosts.NAME]` table → a `Host`, or what the environment lacks for it."""

from __future__ import annotations

from dataclasses import replace

from deployctl.inventory import checks
from deployctl.inventory.section import Section, flag, span, whole_number
from deployctl.inventory.settings import Environment, Settings
from deployctl.inventory.values.environment import EnvironmentProblem
from deployctl.inventory.values.host import Host, PinnedKey


def read_host(section: Section, environment: Environment) -> Host | tuple[EnvironmentProblem, ...]:
    """Read one host; what it lacks in the environment is returned, not a mistake in the file."""
    settings = Settings(section, environment)
    host = Host(
        name=section.name,
        address=settings.text("address", checks.address, required=True) or "",
        port=settings.value("port", whole_number(1, 65535), checks.port),
        user=settings.text("user", checks.user),
        private_key=settings.secret("ssh_key", checks.private_key),
        private_key_source=settings.variables.get("ssh_key", ""),
        passphrase=settings.secret("passphrase", checks.passphrase),
        identity_file=settings.text("identity_file", environment.local_file),
        host_key=_pinned_key(settings, section.name),
        known_hosts=settings.text("known_hosts", environment.local_file),
        proxy_jump=settings.text("proxy_jump", checks.proxy_jump),
        connect_timeout=settings.value(
            "connect_timeout", span(checks.positive_duration), checks.positive_duration
        )
        or Host.connect_timeout,
        sudo=section.take("sudo", flag, stand_in=False),
    )
    section.refuse_both("ssh_key", "identity_file")
    section.refuse_both("host_key", "known_hosts")
    section.refuse_rest()
    return tuple(settings.problems) or host


def _pinned_key(settings: Settings, host: str) -> PinnedKey | None:
    key = settings.text("host_key", checks.host_key)
    if key is None:
        return None
    setting = f"hosts.{host}.host_key in the inventory"
    variable = settings.variables.get("host_key")
    return replace(key, setting=f"{variable} ({setting})" if variable else setting)
