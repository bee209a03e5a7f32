"""Why a message failed on WhatsApp, in the words of Genesys (genesys.md section 5, whatsapp.md 5.2)."""

from __future__ import annotations

_REASONS: dict[str, tuple[str, ...]] = {
    "MessageExpired": ("expired", "message_expired", "132015"),
    "RateLimited": ("4", "613", "80007", "130429", "131048", "131056", "132069"),
    "MessageNotAllowed": (
        *("10", "368", "130472", "130497", "131005", "131031", "131037", "131042", "131047", "131049", "131063"),
        *("131064", "132016", "132068", "134011"),
    ),
    "UnsupportedMessage": ("131051",),
    "InvalidMessageStructure": (
        *("100", "131008", "131009", "132000", "132001", "132005", "132007", "132008", "132012", "135000"),
    ),
    "InvalidDestination": ("131021", "131026", "131030", "131062", "137000"),
    "ServerError": ("1", "2", "131000", "131016", "131057", "133004"),
    "MediaTypeNotAllowed": ("131053",),
    "InvalidMediaContentLength": ("131052", "media_too_large"),
    "RecipientOptedOut": ("131050",),
}
_BY_CODE = {code: reason for reason, codes in _REASONS.items() for code in codes}


def reason_code(code: str) -> str:
    """Genesys's reason for a WhatsApp error code or one of relaylog's own; ``GeneralError`` where none is nearer."""
    return _BY_CODE.get(code, "GeneralError")
