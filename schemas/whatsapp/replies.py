"""Ids of our buttons and list rows, from which a tap finds its way back to the Genesys message."""

from __future__ import annotations

import re

#: Genesys message ids are 32 hex characters, other ids of it dashed UUIDs (genesys.md 3.1). Nothing looser is taken for
#: ours: a foreign id read as ours would end in a structured response that Genesys refuses.
_OURS = re.compile(r"([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(.+)", re.DOTALL)


def reply_id(genesys_id: str | None, payload: str, limit: int) -> str | None:
    """``<genesys message id>:<payload>``, the payload alone without such an id; None where it does not fit ``limit``.

    Also None when WhatsApp's answer could not be read back unmistakably.
    """
    text = f"{genesys_id}:{payload}" if genesys_id else payload
    if not payload or len(text) > limit:
        return None
    expected = (genesys_id, payload) if genesys_id else None
    return text if parse_reply_id(text) == expected else None


def parse_reply_id(text: str) -> tuple[str, str] | None:
    """Genesys message id and payload of a tap; None when the id is not of our form."""
    match = _OURS.fullmatch(text)
    return (match[1], match[2]) if match else None
