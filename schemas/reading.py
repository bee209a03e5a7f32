"""Small readers of parsed JSON that tolerate the unknown and name what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from schemas.envelope import canonical_time, time_of_milliseconds
from schemas.errors import InvalidInput

Json = dict[str, Any]

#: Unix seconds of the year 2100: anything later is not a timestamp in seconds.
_LATEST_SECOND = 4_102_444_800


def as_mapping(value: Any, field: str) -> Json:
    """``value`` if it is a JSON object. Raises InvalidInput naming ``field``."""
    if not isinstance(value, dict):
        raise InvalidInput(field, "an object")
    return value


def as_list(value: Any, field: str) -> list[Any]:
    """``value`` if it is a JSON array. Raises InvalidInput naming ``field``."""
    if not isinstance(value, list):
        raise InvalidInput(field, "an array")
    return value


def required_text(holder: Json, name: str, path: str = "") -> str:
    """A string that is there and not empty. Raises InvalidInput naming ``path`` + ``name``."""
    value = optional_text(holder, name)
    if value is None:
        raise InvalidInput(f"{path}{name}", "text")
    return value


def optional_text(holder: Json, name: str) -> str | None:
    """A string, or None when it is absent, empty or something else."""
    value = holder.get(name)
    return value if isinstance(value, str) and value else None


def optional_mapping(holder: Json, name: str) -> Json:
    """A JSON object, empty when it is absent or something else."""
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def mappings(holder: Json, name: str) -> list[Json]:
    """The JSON objects of an array; whatever else is in it is left out."""
    value = holder.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def scalar(holder: Json, name: str) -> str:
    """A string or number as text, empty when it is absent or something else."""
    value = holder.get(name)
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def unix_seconds(value: Any, field: str) -> str:
    """Canonical time of Unix seconds, given as digits or as a number (whatsapp.md 1.3). Raises InvalidInput."""
    digits = value if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 10 else None
    number = int(digits) if digits else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _LATEST_SECOND:
        raise InvalidInput(field, "Unix seconds")
    return time_of_milliseconds(number * 1000)


def iso_time(value: Any) -> str | None:
    """Canonical time of ISO 8601 text (without an offset: UTC), or None when it is none."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return canonical_time(aware) if is_plausible(aware) else None


def is_plausible(moment: datetime) -> bool:
    """True for a moment of this century: whatever lies outside is a mistake, and might not fit canonical text."""
    return 2000 <= moment.year < 2100
