"""What an agent is told of a failed message: a reason of Genesys's (genesys.md section 5), whatever WhatsApp says."""

import pytest

from schemas.genesys.reasons import reason_code

#: The whole list of genesys.md section 5.
ACCEPTED = {
    "MessageExpired",
    "RateLimited",
    "MessageNotAllowed",
    "GeneralError",
    "UnsupportedMessage",
    "UnknownMessage",
    "InvalidMessageStructure",
    "InvalidDestination",
    "ServerError",
    "MediaTypeNotAllowed",
    "InvalidMediaContentLength",
    "RecipientOptedOut",
    "DataFiltered",
}
REASONS = {
    # whatsapp.md 5.2: what ends a message, at once or by its status.
    "1": "ServerError",
    "2": "ServerError",
    "4": "RateLimited",
    "10": "MessageNotAllowed",
    "100": "InvalidMessageStructure",
    "368": "MessageNotAllowed",
    "80007": "RateLimited",
    "130429": "RateLimited",
    "130472": "MessageNotAllowed",
    "130497": "MessageNotAllowed",
    "131000": "ServerError",
    "131005": "MessageNotAllowed",
    "131008": "InvalidMessageStructure",
    "131009": "InvalidMessageStructure",
    "131016": "ServerError",
    "131021": "InvalidDestination",
    "131026": "InvalidDestination",
    "131030": "InvalidDestination",
    "131031": "MessageNotAllowed",
    "131037": "MessageNotAllowed",
    "131042": "MessageNotAllowed",
    "131047": "MessageNotAllowed",
    "131048": "RateLimited",
    "131049": "MessageNotAllowed",
    "131050": "RecipientOptedOut",
    "131051": "UnsupportedMessage",
    "131052": "InvalidMediaContentLength",
    "131053": "MediaTypeNotAllowed",
    "131056": "RateLimited",
    "131057": "ServerError",
    "131062": "InvalidDestination",
    "131063": "MessageNotAllowed",
    "131064": "MessageNotAllowed",
    "132000": "InvalidMessageStructure",
    "132001": "InvalidMessageStructure",
    "132005": "InvalidMessageStructure",
    "132007": "InvalidMessageStructure",
    "132008": "InvalidMessageStructure",
    "132012": "InvalidMessageStructure",
    # Pacing holds messages, then drops them with this code.
    "132015": "MessageExpired",
    "132016": "MessageNotAllowed",
    "132068": "MessageNotAllowed",
    "132069": "RateLimited",
    "133004": "ServerError",
    "134011": "MessageNotAllowed",
    "135000": "InvalidMessageStructure",
    "137000": "InvalidDestination",
    # relaylog's own.
    "expired": "MessageExpired",
    "media_too_large": "InvalidMediaContentLength",
    "media_gone": "GeneralError",
    "ambiguous": "GeneralError",
    "a code of next year": "GeneralError",
}


@pytest.mark.parametrize("code", REASONS)
def test_every_code_has_a_reason_that_genesys_accepts(code: str) -> None:
    assert reason_code(code) == REASONS[code]
    assert reason_code(code) in ACCEPTED
