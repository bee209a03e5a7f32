"""Properties that hold for any input: round trips, bounds, and that no signed body can make a translation raise."""

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import decode, encode
from schemas.errors import InvalidInput
from schemas.genesys.webhook import translate_genesys
from schemas.intake import translate_intake
from schemas.planning import plan
from schemas.splitting import split_text
from schemas.translation import Translated
from schemas.whatsapp.callback import MAX_LENGTH, CallbackData, decode_callback, encode_callback
from schemas.whatsapp.replies import parse_reply_id, reply_id
from schemas.whatsapp.webhook import split_webhook, translate_change
from tests.unit.schemas.samples import (
    GENESYS_ID,
    NUMBER,
    RECORDED,
    data_of,
    genesys_body,
    media_link,
    numbers_of,
    published_genesys,
    published_whatsapp,
    tenant,
    whatsapp_body,
)

SUBJECTS = st.from_regex(r"[A-Za-z0-9_-]{22}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.uuids(), SUBJECTS, st.integers(1, 99999), st.integers(0, 99), st.none() | st.text(max_size=80))
def test_callback_data_comes_back_and_is_short(
    delivery: Any, subject: str, part: int, more: int, genesys_id: str | None
) -> None:
    data = CallbackData(str(delivery), subject, part, min(part + more, 99999), genesys_id)
    text = encode_callback(data)
    back = decode_callback(text)
    assert len(text) <= MAX_LENGTH
    assert back is not None
    fits = genesys_id and len(genesys_id) <= 62 and all("!" <= letter <= "~" for letter in genesys_id)
    assert back.genesys_id == (genesys_id if fits else back.genesys_id)
    assert back.genesys_id in (genesys_id, None)
    assert (back.delivery, back.subject, back.part, back.parts) == (data.delivery, subject, part, data.parts)


@given(st.text() | st.from_regex(r"rl1(\.[A-Za-z0-9_-]{0,23}){2}\.[0-9]{0,3}-[0-9]{0,3}(\..*)?", fullmatch=True))
def test_foreign_callback_data_is_none_or_well_formed(text: str) -> None:
    data = decode_callback(text)
    assert data is None or 1 <= data.part <= data.parts


@given(st.text(min_size=1), st.sampled_from([256, 200]), st.none() | st.just(GENESYS_ID))
def test_reply_ids_come_back(payload: str, limit: int, genesys_id: str | None) -> None:
    text = reply_id(genesys_id, payload, limit)
    if text is None:
        assert len(f"{genesys_id or ''}:{payload}") > limit or parse_reply_id(payload)
    else:
        assert len(text) <= limit
        assert parse_reply_id(text) == ((genesys_id, payload) if genesys_id else None)


@given(st.text(alphabet=st.sampled_from("ab \n\t\u3000é👍"), max_size=200), st.integers(1, 30))
def test_split_texts_lose_only_whitespace(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert all(0 < len(part) <= limit and part == part.strip() for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=10), min_size=1, max_size=40))
def test_words_that_fit_are_never_cut(words: list[str]) -> None:
    parts = split_text(" ".join(words), 10)
    assert [word for part in parts for word in part.split()] == words


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON document: (container, key or index)."""
    keys: list[Any] = (
        list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    )
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


@st.composite
def mutated(draw: st.DrawFn, bodies: list[dict[str, Any]]) -> dict[str, Any]:
    """A published body with a few of its values replaced or removed."""
    body: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(1, 4))):
        container, key = draw(st.sampled_from(places(body)))
        if draw(st.booleans()):
            container[key] = draw(JSON)
        else:
            del container[key]
        if not body:
            break
    return body


def assert_translated(result: Translated) -> None:
    """Something came of it, and every fact can be read back and planned."""
    assert result.facts or result.skipped or result.rejected
    for fact in result.facts:
        assert decode(encode(fact)) == fact
        assert data_of(fact)
        if fact.source.endswith(NUMBER) or fact.type == "message.composed":
            plan(fact, tenant(), media_link)


@settings(max_examples=300, deadline=None)
@given(mutated([body for _, body in published_whatsapp()]))
def test_no_whatsapp_body_makes_the_translation_raise(body: dict[str, Any]) -> None:
    try:
        changes = split_webhook(body)
    except InvalidInput as error:
        assert error.field and error.expected
        return
    owner = tenant()
    for change in changes:
        assert_translated(translate_change(change, owner, RECORDED))


@given(
    st.lists(JSON, max_size=3),
    st.sampled_from(["messages", "statuses", "errors", "message_echoes", "user_preferences"]),
)
def test_every_element_ends_somewhere(elements: list[Any], name: str) -> None:
    (change,) = split_webhook(whatsapp_body({name: elements}))
    result = translate_change(change, tenant(), RECORDED)
    assert len(result.facts) + len(result.rejected) == len(elements) or not elements


@settings(max_examples=300, deadline=None)
@given(mutated([body for _, body in published_genesys()] + [genesys_body()]) | JSON)
def test_no_genesys_body_makes_the_translation_raise(body: Any) -> None:
    owner = tenant()
    assert_translated(translate_genesys(body, owner, owner.channels[0], RECORDED))


INTAKE = {
    "specversion": "1.0",
    "id": "crm-4711",
    "source": "crm",
    "type": "message.composed",
    "tenantid": "acme",
    "time": "2026-11-22T10:00:00Z",
    "data": {"channel": "1122334455667", "customer": {"wa_id": "447700900123"}, "content": {"text": "Hi"}},
}


@settings(max_examples=300, deadline=None)
@given(mutated([INTAKE]).map(lambda body: json.dumps(body).encode()) | st.binary())
def test_intake_names_a_field_or_gives_a_fact(value: bytes) -> None:
    try:
        assert translate_intake(value, tenant(), RECORDED).tenantid == "acme"
    except InvalidInput as error:
        assert error.field and error.expected


def test_published_numbers_can_be_registered() -> None:
    for _, body in published_whatsapp():
        assert tenant(numbers=numbers_of(body))
