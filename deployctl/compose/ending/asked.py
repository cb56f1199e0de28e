"""What the client itself knows of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deployctl.compose import preconditions
from deployctl.compose.plan import Plan
from deployctl.inventory import ComposeService, Host
from deployctl.release import record, suggest
from deployctl.release.release import Action


@dataclass(frozen=True)
class Asked:
    """What the client itself knows of a run: what a host says of it must agree.

    Attributes:
        host: its name in the inventory.
        run: the run's id.
        services: those that it can be a run of.
        plan: what was asked for; None: this client did not start it.
        login: whom deployctl logs in as, for a command.
    """

    host: str
    run: str
    services: Sequence[ComposeService] = ()
    plan: Plan | None = None
    login: str = preconditions.ANY_USER

    @classmethod
    def by(cls, plan: Plan, host: Host) -> Asked:
        """Return what is known of a run of one's own."""
        return cls(host.name, plan.run, (plan.service,), plan, preconditions.login(host))

    @property
    def service(self) -> str:
        """The only service that it can be about; empty: there are several."""
        return self.services[0].name if len(self.services) == 1 else ""

    def agrees(self, entry: record.Entry) -> bool:
        """Whether a recorded outcome can be that of the run."""
        plan = self.plan
        if plan is None:
            ours = entry.service in {service.name for service in self.services}
            return ours and entry.action in set(Action) and suggest.is_tag(entry.release.tag)
        said = (entry.service, entry.action, entry.release, entry.previous)
        return said == (plan.service.name, plan.action.value, plan.release, plan.previous)
