"""The program: run the command line, turn whatever comes out of it into an exit status."""

from __future__ import annotations

import gc

# Before the other imports: looking for garbage among what they make takes longer than they do
# (a sixth of a status), and a process that lives for seconds needs no collector.
gc.disable()

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from deployctl import errors
from deployctl.cli import app
from deployctl.errors import DeployctlError, InterruptedByUserError, UsageError
from deployctl.render.output import Output
from deployctl.render.unwritable import discard, place_of, unwritable


def main() -> NoReturn:
    """Run the command line and exit with its status; nothing else ends the program."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, _interrupt)
    _open_closed_streams()
    status = run(sys.argv[1:])
    # The answer is given. A signal that comes now would end the program with another status.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    gc.freeze()  # nor at its end
    sys.exit(status)


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit status; see docs/exit-codes.md."""
    try:
        status = app(list(argv) or ["--help"], prog_name="deployctl", standalone_mode=False)
    except DeployctlError as error:
        return _fail(error, argv)
    except typer.TyperException as error:
        return _fail(_usage_error(error, argv), argv)
    except (KeyboardInterrupt, typer.Abort):
        stopped = InterruptedByUserError("interrupted", "stopped", hint="deployctl status")
        return _fail(stopped, argv)
    except SystemExit as left:
        # Typer ends with 1 where nobody reads its text any more (deployctl --help | head).
        if isinstance(left.__context__, BrokenPipeError) and _only_tells_of_itself(argv):
            return errors.EXIT_OK
        raise
    except Exception as error:  # noqa: BLE001 - the one place that turns a bug into a sentence
        if isinstance(error, OSError) and _only_tells_of_itself(argv):
            return _fail_to_answer(error)
        return _fail(_bug(error), argv)
    return status if isinstance(status, int) else errors.EXIT_OK


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _fail(error: DeployctlError, argv: Sequence[str]) -> int:
    """Say it. The arguments may not have been understood, so options are looked for in them."""
    github = "--no-github" not in argv
    output = Output(os.environ, json="--json" in argv, github=github)
    return output.error(error, _command_of(argv))


def _open_closed_streams() -> None:
    """A stream that the caller closed (>&-) must not become the number of a file or socket here.

    Standard output is opened for reading: an answer that is written there is lost, and said to be.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            os.dup2(os.open(os.devnull, mode), number)
            setattr(sys, name, open(number, "r" if name == "stdin" else "w"))  # noqa: PTH123, SIM115 - it stays open


def _only_tells_of_itself(argv: Sequence[str]) -> bool:
    """Whether all that is asked for is a text that Typer prints: nothing but that can fail."""
    return not argv or not {"--help", "-h", "--version"}.isdisjoint(argv)


def _fail_to_answer(error: OSError) -> int:
    """Say that the text of --help or --version could not be written."""
    lost = unwritable(error, place_of(sys.stdout))
    discard(sys.stdout)
    return Output(os.environ, json=False, github=False).error(lost, "")


def _command_of(argv: Sequence[str]) -> str:
    names = {command.callback.__name__ for command in app.registered_commands if command.callback}
    return next((word for word in argv if word in names), "")


def _usage_error(error: typer.TyperException, argv: Sequence[str]) -> UsageError:
    from deployctl.cli.usage import usage_error

    return usage_error(error, argv, _command_of(argv), typer.main.get_command(app))


def _bug(error: Exception) -> DeployctlError:
    if os.environ.get("DEPLOYCTL_DEBUG"):
        from traceback import format_exc

        from deployctl.render.secrets.publication import Publication

        sys.stderr.write(Publication(os.environ).of(format_exc()))
    return DeployctlError(
        "bug",
        f"a bug in deployctl: {type(error).__name__}: {error}",
        state="not known: the bug may have struck in the middle",
        hint="please report it with the output of DEPLOYCTL_DEBUG=1; what runs now:\n"
        "deployctl status",
    )


if __name__ == "__main__":
    main()
