"""The errors of a client that no longer watches a run: where it was stopped, or the host lost."""

from __future__ import annotations

from deployctl.errors import InterruptedByUserError, OutcomeUnknownError
from deployctl.release import suggest
from deployctl.release.results import UnfinishedRun


def lost(host: str, run: str, *, begun: bool) -> OutcomeUnknownError:
    """Return the error for a run that the client cannot see any longer, nor the host."""
    doing = "had begun" if begun else "may have begun"
    return OutcomeUnknownError(
        "connection-lost",
        f"the connection to {host} is lost and could not be made again; run {run} {doing}",
        state="not known from here: if the host is up, the run ends by itself in a recorded "
        "outcome; if it went down, status says what it left",
        hint=suggest.deployctl("follow", host, run),
        about={"run": run},
    )


def interrupted(host: str, run: str, *, state: str) -> InterruptedByUserError:
    """Return the error for a command that the user stopped during a run.

    Args:
        host: its name.
        run: the run's id.
        state: "untouched" (the run was cancelled), "goes-on", "ended", or "unknown".
    """
    states = {
        "untouched": "nothing on the host was changed: the run was cancelled before it began",
        "goes-on": f"run {run} had begun on {host}: as long as the host is up, it goes on there "
        "by itself, and ends in a recorded outcome",
        "ended": f"run {run} had ended on {host}",
        "unknown": f"run {run} may have begun on {host}: as long as the host is up, it goes on "
        "there by itself then, and ends in a recorded outcome",
    }
    again = "run the command again, if it is still wanted"
    watch_it = suggest.deployctl("follow", host, run)
    return InterruptedByUserError(
        "interrupted",
        f"stopped watching {host}",
        state=states[state],
        hint=again if state == "untouched" else watch_it,
        about={"run": run},
    )


def stopped_aborting(host: str, run: UnfinishedRun | None) -> InterruptedByUserError:
    """Return the error for an abort that the user stopped watching.

    Args:
        host: its name.
        run: that was aborted; None: the host had not said so yet.
    """
    return InterruptedByUserError(
        "interrupted",
        f"stopped watching {host}",
        state="the run is aborted all the same" if run else "whether a run is aborted is not known",
        hint=(run.follow_command(host) if run else "") or suggest.deployctl("status"),
    )


def abort_not_known(host: str, service: str) -> OutcomeUnknownError:
    """Return the error for a connection that broke before the host said that it aborts a run."""
    return OutcomeUnknownError(
        "connection-lost",
        f"the connection to {host} broke before it said whether it aborts the run of {service}",
        state="not known: the run goes on, or goes back",
        hint=suggest.hint(
            "look, and abort it again if it still goes on:", suggest.deployctl("status", service)
        ),
    )
