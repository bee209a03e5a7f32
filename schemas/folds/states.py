"""States of a conversation over time: which followed which, when, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

from schemas.folds.message import MessageState

_EVER: Final = ""
_SECONDS: Final = len("2026-11-22T10:00:00")


class Step(NamedTuple):
    """One thing that states follow from; ``at`` is a canonical time.

    ``type`` is message (``role`` is its direction); failed, redriven or delivered, of the message ``subject``; or the
    type of a fact ``conversation.*``.
    """

    at: str
    type: str
    subject: str | None
    role: str | None
    code: str | None
    reason: str | None


class Change(NamedTuple):
    """From ``at`` on the conversation was in ``state``."""

    at: str
    state: str
    code: str | None
    reason: str | None


class _Failure(NamedTuple):
    at: str = _EVER
    code: str = ""
    reason: str = ""


@dataclass(slots=True)
class _Times:
    """What is known up to an instant."""

    inbound: str = _EVER
    outbound: str = _EVER
    revived: str = _EVER
    queued: str = _EVER
    served: str = _EVER
    closed: tuple[str, str] = (_EVER, "")
    broken: _Failure = field(default_factory=_Failure)
    undelivered: dict[str, MessageState] = field(default_factory=dict)
    #: Messages said.
    said: set[str | None] = field(default_factory=set)

    def take(self, step: Step) -> None:
        verb = step.type.removeprefix("conversation.")
        if step.type == "message":
            self.said.add(step.subject)
            if step.role == "inbound":
                self.inbound = step.at
            else:
                self.outbound = step.at
        elif step.type in ("failed", "redriven", "delivered"):
            self._became(step)
        elif verb == "opened":
            self.revived = step.at
        elif verb == "queued":
            self.queued = step.at
        elif verb == "participant_joined" and step.role in ("agent", "bot"):
            self.served = step.at
        elif verb == "closed":
            self.closed = max(self.closed, (step.at, step.reason or ""))
        elif verb == "failed":
            self.broken = max(self.broken, _Failure(step.at, step.code or "", step.reason or ""))

    def _became(self, step: Step) -> None:
        told = MessageState(tenant_id="", message_id=step.subject or "")
        if step.type == "failed":
            told.failed_at, told.failure_code, told.failure_reason = step.at, step.code, step.reason
        elif step.type == "redriven":
            told.redriven_at = step.at
        else:
            told.delivered_at = step.at
        self.undelivered.setdefault(told.message_id, told).join(told)

    def now(self) -> tuple[str, str | None, str | None]:
        """State, code and reason."""
        last = max(self.inbound, self.outbound)
        life = max(last, self.revived, self.queued, self.served)
        failed = self._undelivered(last)
        if self.closed[0] and self.closed[0] >= life:
            return "closed", None, self.closed[1] or None
        if failed.at or (self.broken.at and self.broken.at >= life):
            worst = failed if failed.at and failed.at >= self.broken.at else self.broken
            return "error", worst.code, worst.reason
        if max(self.inbound, self.queued) > max(self.outbound, self.served) or not (self.outbound or self.served):
            return "waiting", None, None
        return "active", None, None

    def _undelivered(self, last: str) -> _Failure:
        """The last message that could not be delivered, if nothing was said after it (WhatsApp has whole seconds)."""
        found = [
            _Failure(m.failed_at, m.failure_code or "", m.failure_reason or "")
            for m in self.undelivered.values()
            if m.message_id in self.said
            and m.failed_at is not None
            and m.status == "failed"
            and m.failed_at[:_SECONDS] >= last[:_SECONDS]
        ]
        return max(found, default=_Failure())


def changes(steps: Iterable[Step]) -> list[Change]:
    """Every change of state, from ``steps`` in order of time; what happened at one instant counts together."""
    times, found = _Times(), list[Change]()
    for at, together in groupby(steps, key=lambda step: step.at):
        for step in together:
            times.take(step)
        change = Change(at, *times.now())
        if not found or found[-1][1:] != change[1:]:
            found.append(change)
    return found
