"""Every setting as a table: for `relaylog settings` with current values, for the README without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from streams.settings import Settings

_PREFIX = "RELAYLOG_"
MASK = "********"


def readme_table() -> str:
    """Markdown: name, default and meaning of each setting."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    rows += [
        f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |" for name, default, meaning in described()
    ]
    return "\n".join(rows)


def described() -> Iterator[tuple[str, str, str]]:
    """Name of the environment variable, default as text, meaning."""
    for field, info in Settings.model_fields.items():
        yield _PREFIX + field.upper(), masked(info.default), info.description or ""


def current_lines(settings: Settings) -> Iterator[str]:
    """For each setting its value now, its default where that differs, and what it means."""
    for field, (name, default, meaning) in zip(Settings.model_fields, described(), strict=True):
        value = masked(getattr(settings, field))
        yield f"{name}={value}" + ("" if value == default else f"   (default: {default or 'empty'})")
        yield f"    {meaning}"


def masked(value: Any) -> str:
    """A value that may be shown: secrets, and passwords inside addresses, are stars."""
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    text = str(value)
    parts = urlsplit(text)
    if parts.password:
        text = urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", f":{MASK}@")))
    return text
