"""Long texts in parts that a platform accepts."""

from __future__ import annotations


def split_text(text: str, limit: int) -> list[str]:
    """``text`` in parts of at most ``limit`` characters, in order, cut at whitespace wherever a part has any.

    Only whitespace around the cuts and the ends is lost; a text without anything visible has no parts.
    """
    parts, rest = [], text.strip()
    while len(rest) > limit:
        cut = _cut(rest, limit)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*parts, rest] if rest else parts


def _cut(text: str, limit: int) -> int:
    """Where to cut: at the last line end of the second half, else the last whitespace, else in the middle of a word."""
    line_end = text.rfind("\n", limit // 2, limit + 1)
    if line_end > 0:
        return line_end
    return next((index for index in range(limit, 0, -1) if text[index].isspace()), limit)
