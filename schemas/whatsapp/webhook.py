"""A WhatsApp webhook: split into its changes, each translated element by element."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from schemas.envelope import Envelope
from schemas.errors import InvalidInput
from schemas.reading import Json, as_list, as_mapping, optional_mapping, optional_text, required_text, scalar
from schemas.tenant import Tenant
from schemas.translation import Rejected, Translated
from schemas.whatsapp.account import TEMPLATE_FIELDS, translate_error, translate_preference, translate_template
from schemas.whatsapp.messages import translate_echo, translate_message
from schemas.whatsapp.statuses import translate_status
from schemas.whatsapp.update import Change, Update

__all__ = ["Change", "split_webhook", "translate_change"]

_OBJECT = "whatsapp_business_account"
_FIELD_NAME = re.compile(r"[a-z_]{1,60}")

#: Webhook fields about messages and customers; all others are not ours and are counted (whatsapp.md 1.3).
_FIELDS = ("messages", "smb_message_echoes", "user_preferences")
_ELEMENTS: dict[str, Callable[[Json, Update], list[Envelope]]] = {
    "messages": translate_message,
    "message_echoes": translate_echo,
    "statuses": translate_status,
    "errors": translate_error,
    "user_preferences": translate_preference,
}
#: Arrays that count as elements in a field that we skip.
_SKIPPED_ELEMENTS = (*_ELEMENTS, "calls", "groups", "history", "state_sync")


def split_webhook(body: Any) -> list[Change]:
    """All changes of all entries; ``body`` is the parsed JSON.

    Raises InvalidInput when the envelope is not Meta's (whatsapp.md 1.3): the body is then kept whole.
    """
    if as_mapping(body, "body").get("object") != _OBJECT:
        raise InvalidInput("object", _OBJECT)
    changes: list[Change] = []
    for number, item in enumerate(as_list(body.get("entry"), "entry")):
        path = f"entry[{number}]"
        entry = as_mapping(item, path)
        waba_id = scalar(entry, "id")
        if not waba_id:
            raise InvalidInput(f"{path}.id", "the id of a WhatsApp business account")
        for index, change in enumerate(as_list(entry.get("changes"), f"{path}.changes")):
            changes.append(_change(waba_id, entry, as_mapping(change, f"{path}.changes[{index}]"), path))
    return changes


def _change(waba_id: str, entry: Json, change: Json, path: str) -> Change:
    value = as_mapping(change.get("value"), f"{path}.changes[].value")
    return Change(
        waba_id=waba_id,
        field=required_text(change, "field", f"{path}.changes[]."),
        phone_number_id=optional_text(optional_mapping(value, "metadata"), "phone_number_id"),
        value=value,
        original={"object": _OBJECT, "entry": [{**entry, "changes": [change]}]},
        time=entry.get("time"),
    )


def translate_change(change: Change, tenant: Tenant, recordedtime: str) -> Translated:
    """Facts of one change, whose number (or WABA) the caller has found to be ``tenant``'s.

    ``recordedtime`` is canonical. Never raises on what JSON can hold: every element ends as facts, as a named skip, or
    rejected.
    """
    result = Translated()
    if change.field in TEMPLATE_FIELDS:
        result.attempt(change.original, partial(translate_template, change, tenant, recordedtime))
    elif change.field not in _FIELDS:
        result.skipped[_skip_reason(change.field)] += _count_elements(change.value)
    elif change.phone_number_id is None:
        result.rejected.append(Rejected("invalid_phone_number_id", change.original, "value.metadata names no number"))
    else:
        _translate_elements(result, Update(tenant, change.phone_number_id, recordedtime, change.value))
    return result


def _translate_elements(result: Translated, update: Update) -> None:
    found = False
    for name, translate in _ELEMENTS.items():
        elements = update.value.get(name)
        if elements is None:
            continue
        if not isinstance(elements, list):
            result.rejected.append(Rejected(f"invalid_{name}", elements, f"{name}: expected an array"))
            found = True
            continue
        for element in elements:
            found = True
            result.attempt(element, partial(_translate_one, translate, element, update))
    if not found:
        result.skipped["no_elements"] += 1


def _translate_one(translate: Callable[[Json, Update], list[Envelope]], element: Any, update: Update) -> list[Envelope]:
    return translate(as_mapping(element, "element"), update)


def _skip_reason(field: str) -> str:
    return f"field_{field}" if _FIELD_NAME.fullmatch(field) else "field_unknown"


def _count_elements(value: Json) -> int:
    arrays = (value.get(name) for name in _SKIPPED_ELEMENTS)
    return sum(len(array) for array in arrays if isinstance(array, list)) or 1
