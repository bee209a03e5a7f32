"""What a translation gives: facts, counted skips, and elements that nobody could understand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schemas.envelope import Envelope
from schemas.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Rejected:
    """An element that could not be understood: kept as a dead letter, nothing of it is dropped."""

    #: Short snake_case name, bounded in number, fit for a metric.
    reason: str
    element: Any
    #: The offending field and what was expected there.
    detail: str = ""


@dataclass(slots=True)
class Translated:
    """The result for one body or one part of it; every element ends in exactly one of the three."""

    facts: list[Envelope] = field(default_factory=list)
    #: Known and not ours: reason -> number of elements.
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)

    def attempt(self, element: Any, translate: Callable[[], list[Envelope]]) -> None:
        """Add the facts of ``element``, or reject it: one bad element never costs its neighbours.

        What JSON can hold but the log cannot (a lone surrogate, nesting without end) counts as ``unencodable``.
        """
        try:
            self.facts.extend(translate())
        except InvalidInput as error:
            leaf = error.field.rpartition(".")[2].partition("[")[0]
            self.rejected.append(Rejected(f"invalid_{leaf}", element, str(error)))
        except (ArithmeticError, RecursionError, ValueError) as error:
            self.rejected.append(Rejected("unencodable", element, type(error).__name__))
