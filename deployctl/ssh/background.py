"""A call in a daemon thread, whose result can be waited for with a limit."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class Task(Generic[Result]):
    """A blocking call that runs in a thread of its own.

    A daemon thread, and not one of a ThreadPoolExecutor: Python waits at its end for those,
    and a call that hangs on a dead network must not keep the program from ending.
    """

    def __init__(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> None:
        self._future: Future[Result] = Future()

        def call() -> None:
            try:
                self._future.set_result(function(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                self._future.set_exception(error)

        threading.Thread(target=call, name=f"ssh-{function.__name__}", daemon=True).start()

    def result(self, timeout: float | None = None) -> Result:
        """Return what the call returned, or raise what it raised.

        Args:
            timeout: seconds to wait; None: as long as it takes.

        Raises:
            TimeoutError: the call did not end in time; it goes on.
        """
        return self._future.result(timeout)

    def wait(self, timeout: float) -> bool:
        """Return whether the call ended within this many seconds."""
        return bool(wait([self._future], timeout).done)

    @property
    def done(self) -> bool:
        """Whether the call has ended."""
        return self._future.done()

    def on_result(self, use: Callable[[Result], object]) -> None:
        """Pass the result to `use` when it is there; a failed call is forgotten."""

        def forward(future: Future[Result]) -> None:
            if future.exception() is None:
                use(future.result())

        self._future.add_done_callback(forward)
