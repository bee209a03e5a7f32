"""The common shape of the embedded servers."""

from collections.abc import Callable
from signal import Signals
from typing import Protocol

from relaylog.embedded.command import Command

#: Tells a person, in one line, what is being done.
Say = Callable[[str], None]


class EmbeddedServerError(Exception):
    """An embedded server cannot be prepared; the message says what to do about it."""


class EmbeddedServer(Protocol):
    """A server that a supervisor can start and restart as often as it likes."""

    @property
    def name(self) -> str:
        """As in `running.json`: kafka, postgres or redis."""

    @property
    def address(self) -> str:
        """What a client connects to, password included."""

    @property
    def stop_signal(self) -> Signals:
        """What makes it stop cleanly without waiting for its clients."""

    def prepare(self, say: Say) -> None:
        """Fetch programs and lay out the data folder; blocking, idempotent. Raises EmbeddedServerError."""

    def command(self) -> Command:
        """What to run once `prepare` is done."""

    async def ready(self) -> bool:
        """One probe: whether it answers a client now."""
