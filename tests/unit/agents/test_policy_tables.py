"""Every outcome that the platforms' tables list, and what is done: whom it concerns, and what it says of the platform.

Written down from the retry table of genesys.md section 8 and the codes of whatsapp.md sections 5.2 and 5.3.
"""

import pytest

from agents.answers import Answer, NotSent, Refused, Unanswered
from agents.policy import DeadLetter, Failed, Remint, Retry, cause_of, decide, verdict
from schemas.outcomes import Platform

#: outcome: (action on its first sight, scope, verdict)
Row = tuple[str, str, str]

AWAY: Row = ("retry", "destination", "transport")
UNAVAILABLE: Row = ("retry", "destination", "server")
FAILED: Row = ("retry", "delivery", "server")
RATE: Row = ("retry", "client", "nothing")
PAIR: Row = ("retry", "thread", "works")
TENANT: Row = ("retry", "destination", "configuration")
ONCE_MORE: Row = ("retry", "delivery", "works")
MESSAGE: Row = ("dead letter", "delivery", "works")
TOKEN: Row = ("remint", "delivery", "nothing")
FILE: Row = ("dead letter", "delivery", "nothing")
FILE_LATER: Row = ("retry", "destination", "nothing")

NO_ANSWER: dict[str, tuple[Failed, Row]] = {
    "connect error before send": (NotSent("connect", "r"), AWAY),
    "read timeout": (Unanswered("timeout", "r"), AWAY),
    "connection lost": (Unanswered("connection_lost", "r"), AWAY),
    "5xx without the platform's own error": (Unanswered("http_502", "r"), AWAY),
    "the file's server is away": (NotSent("media_download", "r"), FILE_LATER),
    "the file is gone": (Refused(400, "media_gone", "r"), FILE),
    "the file is too large": (Refused(413, "media_too_large", "r"), FILE),
}
#: Genesys by (HTTP status, code); section 3.5 lists the codes of the inbound calls.
GENESYS: dict[tuple[int, str], Row] = {
    **dict.fromkeys(
        [
            (400, code)
            for code in (
                "bad.request",
                "invalid.date",
                "invalid.value",
                "invalid.property",
                "constraint.validation",
                "client.failed.request",
                "not.a.client",
                "missing.open.channel.date",
            )
        ],
        MESSAGE,
    ),
    **dict.fromkeys(
        [(401, code) for code in ("authentication.required", "bad.credentials", "ip.not.authorized")], TOKEN
    ),
    (401, "credentials.expired"): TOKEN,
    **dict.fromkeys(
        [
            (403, code)
            for code in (
                "missing.permissions",
                "missing.any.permissions",
                "not.authorized",
                "missing.division.permission",
                "authz.policy.denied",
                "app.not.authorized.for.scope",
            )
        ],
        TENANT,
    ),
    (404, "not.found"): TENANT,
    (408, "client.timeout"): UNAVAILABLE,
    (409, "request.conflict"): ONCE_MORE,
    (413, "request.entity.too.large"): MESSAGE,
    (415, "unsupported.media.type"): MESSAGE,
    (429, "too.many.requests.retry.after"): RATE,
    (429, "too.many.requests"): RATE,
    (500, "internal.server.error"): FAILED,
    (501, "not.implemented"): MESSAGE,
    (502, "bad.gateway"): UNAVAILABLE,
    (503, "service.unavailable"): UNAVAILABLE,
    (504, "request.timeout"): UNAVAILABLE,
    (504, "authentication.request.timeout"): UNAVAILABLE,
    (507, "an.error.nobody.listed"): FAILED,
    # A 2xx answer to a receipt can itself be a failure (section 5).
    (200, "receipt_failed"): MESSAGE,
}
#: WhatsApp by code, with the HTTP status that its table names (None: it names none).
WHATSAPP: dict[tuple[str, int | None], Row] = {
    ("0", 401): TENANT,
    ("190", 401): TENANT,
    ("3", 500): TENANT,
    ("10", 403): TENANT,
    ("200", 403): TENANT,
    ("299", 403): TENANT,
    ("131005", 403): TENANT,
    ("1", 400): ONCE_MORE,
    ("2", 503): UNAVAILABLE,
    ("4", 400): RATE,
    ("33", 400): TENANT,
    ("100", 400): MESSAGE,
    ("368", 403): TENANT,
    ("613", None): RATE,
    ("80007", 400): RATE,
    ("130429", 400): RATE,
    ("130472", 400): MESSAGE,
    ("130497", 403): MESSAGE,
    ("131000", 500): FAILED,
    ("131008", 400): MESSAGE,
    ("131009", 400): MESSAGE,
    ("131016", 500): UNAVAILABLE,
    ("131021", 400): MESSAGE,
    ("131026", 400): MESSAGE,
    ("131030", 400): MESSAGE,
    ("131031", 403): TENANT,
    ("131037", 400): TENANT,
    ("131042", 400): TENANT,
    ("131045", 500): TENANT,
    ("131047", 400): MESSAGE,
    ("131048", 400): TENANT,
    ("131049", 400): MESSAGE,
    ("131050", 400): MESSAGE,
    ("131051", 400): MESSAGE,
    ("131052", 400): MESSAGE,
    ("131053", 400): MESSAGE,
    ("131056", 400): PAIR,
    ("131057", 500): UNAVAILABLE,
    ("131062", None): MESSAGE,
    ("131063", None): MESSAGE,
    ("131064", None): MESSAGE,
    ("132000", 400): MESSAGE,
    ("132001", 404): MESSAGE,
    ("132005", 400): MESSAGE,
    ("132007", 400): MESSAGE,
    ("132008", None): MESSAGE,
    ("132012", 400): MESSAGE,
    ("132015", 400): MESSAGE,
    ("132016", 400): MESSAGE,
    ("132068", 400): MESSAGE,
    ("132069", 400): MESSAGE,
    ("133000", 500): TENANT,
    ("133004", 503): UNAVAILABLE,
    ("133005", 400): TENANT,
    ("133006", 400): TENANT,
    ("133008", 400): TENANT,
    ("133009", 400): TENANT,
    ("133010", 400): TENANT,
    ("133015", 400): UNAVAILABLE,
    ("133016", 400): TENANT,
    ("134011", 400): MESSAGE,
    ("135000", 400): MESSAGE,
    ("137000", None): MESSAGE,
    # Not in the table: no code of WhatsApp's own, and one that nobody listed.
    ("http_429", 429): RATE,
    ("http_401", 401): TENANT,
    ("http_500", 500): FAILED,
    ("999999", 500): MESSAGE,
}


def outcome(platform: Platform, answer: Failed) -> Row:
    decision = decide(cause_of(platform, answer), answer, 1, 1, lambda: 0.5)
    said: Answer = answer
    heard = verdict(platform, said, 1).value
    match decision:
        case Retry(_, scope):
            return "retry", scope.value, heard
        case Remint():
            return "remint", "delivery", heard
        case DeadLetter():
            return "dead letter", "delivery", heard


@pytest.mark.parametrize("name", NO_ANSWER)
def test_calls_without_an_answer(name: str) -> None:
    answer, row = NO_ANSWER[name]
    for platform in ("genesys", "whatsapp"):
        assert outcome(platform, answer) == row


@pytest.mark.parametrize(("status", "code"), GENESYS)
def test_genesys(status: int, code: str) -> None:
    assert outcome("genesys", Refused(status, code, "r")) == GENESYS[status, code]


@pytest.mark.parametrize(("code", "status"), WHATSAPP)
def test_whatsapp(code: str, status: int | None) -> None:
    assert outcome("whatsapp", Refused(status or 400, code, "r")) == WHATSAPP[code, status]


@pytest.mark.parametrize("code", sorted({code for code, _ in WHATSAPP if code.isdecimal() and code != "999999"}))
def test_whatsapp_codes_decide_whatever_their_http_status(code: str) -> None:
    assert len({outcome("whatsapp", Refused(status, code, "r")) for status in (400, 401, 403, 429, 500, 503)}) == 1
