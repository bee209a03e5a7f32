import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import NAMESPACE, conversation_id, customer_id, event_id

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3))
def test_ids_are_uuids_of_version_5(tenant: str, source: str, kind: str, platform_id: list[str]) -> None:
    name = "\x1f".join((tenant, source, kind, *platform_id))
    assert event_id(tenant, source, kind, *platform_id) == str(uuid.uuid5(NAMESPACE, name))


def test_ids_of_queries_name_what_they_are_of() -> None:
    assert conversation_id("acme", "s") == str(uuid.uuid5(NAMESPACE, "acme\x1fconversation\x1fs"))
    assert customer_id("acme", "c") == str(uuid.uuid5(NAMESPACE, "acme\x1fcustomer\x1fc"))


def test_what_utf_8_cannot_hold_has_no_id() -> None:
    with pytest.raises(UnicodeEncodeError):
        event_id("acme", "whatsapp", "message", "\ud800")
