"""Faults on request: which of the calls that match a rule go wrong, and how, drawn from a seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_DO = re.compile(r"status (?P<status>[1-5]\d\d)|429|delay (?P<seconds>\d+(\.\d+)?)|drop answer|reset")


def _known(do: str) -> str:
    if _DO.fullmatch(do) is None:
        raise ValueError("expected 'status <code>', '429', 'delay <seconds>', 'drop answer' or 'reset'")
    return do


#: The one operation that is not a call received but a webhook sent; only rules that name it are about webhooks.
WEBHOOK = "webhook"


class Match(BaseModel):
    """Which calls a rule is about; what is left out matches every call received."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: str | None = None
    operation: str | None = None

    def covers(self, tenant: str | None, operation: str) -> bool:
        named = self.operation == operation or (self.operation is None and operation != WEBHOOK)
        return named and self.tenant in (None, tenant)


class Rule(BaseModel):
    """One fault: `share` of the matching calls (0 to 1), `for` so many seconds, or until healed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Match = Field(default_factory=Match)
    do: Annotated[str, AfterValidator(_known)]
    share: float = Field(default=1.0, ge=0, le=1)
    for_: float | None = Field(default=None, alias="for", gt=0)


class FaultPlan(BaseModel):
    """Body of `PUT /_simulator/faults`; an empty list of rules heals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    rules: list[Rule] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call: a delay first, then `kind`; `status` belongs to the kind of that name."""

    delay: float = 0.0
    kind: Literal["none", "status", "429", "drop answer", "reset"] = "none"
    status: int = 0


NO_FAULT = Fault()


class Faults:
    """The plan in force. The same plan over the same calls gives the same faults."""

    def __init__(self) -> None:
        self._rules: list[tuple[Rule, float]] = []
        self._random = random.Random(0)

    def put(self, plan: FaultPlan, now: float) -> None:
        self._random = random.Random(plan.seed)
        self._rules = [(rule, float("inf") if rule.for_ is None else now + rule.for_) for rule in plan.rules]

    def draw(self, tenant: str | None, operation: str, now: float) -> Fault:
        """Delays of all matching rules add up; of the other kinds the first one drawn counts."""
        if not self._rules:
            return NO_FAULT
        delay = 0.0
        for rule, until in self._rules:
            if now >= until or not rule.match.covers(tenant, operation) or self._random.random() >= rule.share:
                continue
            found = _DO.fullmatch(rule.do)
            assert found is not None
            if found["seconds"] is not None:
                delay += float(found["seconds"])
            elif found["status"] is not None:
                return Fault(delay, "status", int(found["status"]))
            elif rule.do == "429":
                return Fault(delay, "429")
            else:
                return Fault(delay, "reset" if rule.do == "reset" else "drop answer")
        return Fault(delay)
