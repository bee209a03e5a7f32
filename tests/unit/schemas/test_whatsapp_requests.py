"""Messages of ours as WhatsApp requests: recipients, parts, files, quick replies, callback data."""

from typing import Any

import pytest

from schemas.delivery import Call
from schemas.events import Choice
from schemas.planning import plan
from schemas.whatsapp.callback import CallbackData, decode_callback
from schemas.whatsapp.interactive import interactive, numbered
from schemas.whatsapp.replies import parse_reply_id
from tests.unit.schemas.samples import BSUID, CUSTOMER, GENESYS_ID, INTEGRATION, NUMBER, composed, media_link, tenant


def calls(**fields: Any) -> tuple[Call, ...]:
    delivery = plan(composed(**fields), tenant(), media_link)
    assert delivery is not None and delivery.platform == "whatsapp"
    return delivery.calls


def channel(to: str) -> dict[str, Any]:
    return {"id": INTEGRATION, "from": {"id": INTEGRATION}, "to": {"id": to}, "time": "2026-11-22T10:00:00Z"}


def attachment(**fields: Any) -> list[dict[str, Any]]:
    file = {"mediaType": "Image", "url": "https://files.example.com/1", "mime": "image/png", "filename": "a.png"}
    return [{"contentType": "Attachment", "attachment": {**file, **fields}}]


def quick_replies(*titles: str, payload: str = "") -> list[dict[str, Any]]:
    return [
        {"contentType": "QuickReply", "quickReply": {"text": title, "payload": payload or title.upper()}}
        for title in titles
    ]


@pytest.mark.parametrize(
    ("to", "recipient"),
    [
        (CUSTOMER, {"to": f"+{CUSTOMER}"}),
        (f"+{CUSTOMER}", {"to": f"+{CUSTOMER}"}),
        (BSUID, {"recipient": BSUID}),
        ("somebody@elsewhere", {"recipient": "somebody@elsewhere"}),
    ],
)
def test_recipient(to: str, recipient: dict[str, str]) -> None:
    (call,) = calls(channel=channel(to))
    assert {name: call.body[name] for name in ("to", "recipient") if name in call.body} == recipient


def test_a_text_is_one_call_with_callback_data() -> None:
    fact = composed()
    (call,) = calls()
    assert call.path == f"/{NUMBER}/messages"
    assert call.body["messaging_product"] == "whatsapp" and call.body["recipient_type"] == "individual"
    assert call.body["text"] == {"body": "Hi Ann."} and call.media is None
    expected = CallbackData(fact.id, fact.subject or "", 1, 1, GENESYS_ID)
    assert decode_callback(call.body["biz_opaque_callback_data"]) == expected


def test_a_long_text_is_numbered_parts_in_order() -> None:
    text = " ".join(f"word{number}" for number in range(2000))
    parts = calls(text=text)
    assert len(parts) > 2 and " ".join(part.body["text"]["body"] for part in parts) == text
    assert all(len(part.body["text"]["body"]) <= 4096 for part in parts)
    numbers = [decode_callback(part.body["biz_opaque_callback_data"]) for part in parts]
    assert [(data.part, data.parts) for data in numbers if data] == [(n, len(parts)) for n in range(1, len(parts) + 1)]


@pytest.mark.parametrize(
    ("fields", "kind", "body"),
    [
        ({}, "image", {"caption": "look"}),
        ({"mediaType": "Video", "mime": "video/mp4"}, "video", {"caption": "look"}),
        ({"mediaType": "File", "mime": "application/pdf"}, "document", {"caption": "look", "filename": "a.png"}),
        ({"mime": "image/gif"}, "document", {"caption": "look", "filename": "a.png"}),
        ({"mime": None}, "image", {"caption": "look"}),
    ],
)
def test_a_file_is_uploaded_and_carries_its_text(fields: dict[str, Any], kind: str, body: dict[str, str]) -> None:
    (call,) = calls(text="look", content=attachment(**fields))
    assert call.body["type"] == kind and call.body[kind] == body
    assert call.media is not None and call.media.url == "https://files.example.com/1"


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"mediaType": "Audio", "mime": "audio/ogg; codecs=opus"}, "listen"), ({}, "x" * 1025)],
)
def test_what_no_caption_can_hold_follows_as_text(fields: dict[str, Any], text: str) -> None:
    file, words = calls(text=text, content=attachment(**fields))
    assert file.media is not None and "caption" not in file.body[file.body["type"]]
    assert words.body["text"]["body"] == text and words.media is None


@pytest.mark.parametrize("fields", [{"mediaType": "Link"}, {"url": "ftp://files.example.com/1"}])
def test_what_is_no_file_becomes_a_line(fields: dict[str, Any]) -> None:
    (call,) = calls(text="see", content=attachment(**fields))
    assert call.body["text"]["body"].startswith("see\na.png ")


def test_three_short_choices_are_buttons() -> None:
    (call,) = calls(type="Structured", text="Go on?", content=quick_replies("Yes", "No"))
    offer = call.body["interactive"]
    assert (call.body["type"], offer["type"], offer["body"]) == ("interactive", "button", {"text": "Go on?"})
    rows = [button["reply"] for button in offer["action"]["buttons"]]
    assert [row["title"] for row in rows] == ["Yes", "No"]
    assert [parse_reply_id(row["id"]) for row in rows] == [(GENESYS_ID, "YES"), (GENESYS_ID, "NO")]


@pytest.mark.parametrize("titles", [("A", "B", "C", "D"), ("twenty-one characters",), tuple("ABCDEFGHIJ")])
def test_more_or_longer_choices_are_a_list(titles: tuple[str, ...]) -> None:
    (call,) = calls(type="Structured", content=quick_replies(*titles))
    offer = call.body["interactive"]
    assert offer["type"] == "list" and len(offer["action"]["button"]) <= 20
    assert [row["title"] for row in offer["action"]["sections"][0]["rows"]] == list(titles)


@pytest.mark.parametrize("titles", [tuple("ABCDEFGHIJK"), ("twenty-five characters ...",), ("Yes", "Yes")])
def test_choices_that_fit_neither_are_numbered_text(titles: tuple[str, ...]) -> None:
    (call,) = calls(type="Structured", text="Go on?", content=quick_replies(*titles))
    lines = [f"{number}. {title}" for number, title in enumerate(titles, 1)]
    assert call.body["text"]["body"] == "\n".join(["Go on?", *lines])


def test_a_payload_that_does_not_fit_is_a_plain_choice() -> None:
    (call,) = calls(type="Structured", content=quick_replies("Yes", "No", payload="p" * 300))
    ids = [button["reply"]["id"] for button in call.body["interactive"]["action"]["buttons"]]
    assert ids == ["choice-1", "choice-2"]


def test_equal_payloads_stay_apart() -> None:
    (call,) = calls(type="Structured", content=quick_replies("Yes", "No", payload="same"))
    ids = [button["reply"]["id"] for button in call.body["interactive"]["action"]["buttons"]]
    assert ids == [f"{GENESYS_ID}:same", "choice-2"]


def test_a_body_too_long_for_buttons_is_a_list_and_too_long_for_both_is_text() -> None:
    choices = (Choice(text="Yes", payload="Y"),)
    assert (interactive("x" * 1025, choices, None) or {})["type"] == "list"
    assert interactive("x" * 4097, choices, None) is None
    assert numbered("", choices) == "1. Yes"


def test_a_file_with_choices_is_two_parts() -> None:
    file, offer = calls(type="Structured", text="Go on?", content=attachment() + quick_replies("Yes"))
    assert (file.body["type"], file.body["image"], offer.body["type"]) == ("image", {}, "interactive")
    assert offer.body["interactive"]["body"] == {"text": "Go on?"}


CARD = {
    "title": "Tea",
    "description": "Green",
    "actions": [{"type": "Link", "text": "Buy", "url": "https://x.example"}],
}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"contentType": "Card", "card": CARD}, "Tea\nGreen\nBuy: https://x.example"),
        ({"contentType": "Carousel", "carousel": {"cards": [{"title": "A"}, {"title": "B"}]}}, "A\nB"),
        (
            {
                "contentType": "DatePicker",
                "datePicker": {"title": "When?", "availableTimes": [{"dateTime": "2026-11-23"}]},
            },
            "When?\n2026-11-23",
        ),
        (
            {
                "contentType": "Notification",
                "template": {
                    "body": {"text": "Hi {{1}}, {{2}}", "parameters": [{"text": "Ann"}, {"text": "bye"}]},
                    "footer": {"text": "Acme"},
                },
            },
            "Hi Ann, bye\nAcme",
        ),
        ({"contentType": "ListPicker", "listPicker": {"sections": [{"items": [{"title": "One"}]}]}}, "One"),
    ],
)
def test_other_structured_content_is_readable_text(content: dict[str, Any], text: str) -> None:
    (call,) = calls(type="Structured", text=None, content=[content])
    assert call.body["text"]["body"] == text
