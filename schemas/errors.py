"""One error tree: every error that relaylog raises on purpose derives from RelaylogError."""

from __future__ import annotations


class RelaylogError(Exception):
    """Root of all errors that relaylog raises on purpose; the message is meant for a person."""


class InvalidInput(RelaylogError):
    """Input from outside does not have the expected shape.

    ``field`` is the path of the offending value (``data.customer.wa_id``), ``expected`` says what was wanted there.
    """

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}")
        self.field = field
        self.expected = expected


class UnknownEventVersion(RelaylogError):
    """A fact was written by a newer release than this reader: deploy readers before writers."""


class UndecodableRecord(RelaylogError):
    """A record of the log is not a CloudEvent of ours; it is parked with its bytes and skipped."""
