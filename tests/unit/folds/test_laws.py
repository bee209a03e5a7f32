"""The states are join semilattices: any order, grouping and repetition of the facts gives the same views."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.folds.attempt import RANKS, AttemptState
from schemas.folds.conversation import ConversationState
from schemas.folds.customer import ContextVersion, CustomerAlias, CustomerState
from schemas.folds.field import ConversationField, CustomerField
from schemas.folds.fold import fold
from schemas.folds.message import MessageState
from schemas.folds.participation import ConversationEvent, ParticipantState
from schemas.folds.views import Views
from tests.unit.folds.strategies import TIMES, histories

time = st.sampled_from(TIMES)
maybe_time = st.none() | time
word = st.none() | st.sampled_from(["a", "b", "c"])


def message_states() -> st.SearchStrategy[MessageState]:
    times = ("sent_at", "delivered_at", "read_at", "played_at", "edited_at", "revoked_at", "redriven_at")
    ids = ("whatsapp_id", "genesys_id", "genesys_conversation_id")
    content = st.fixed_dictionaries({"recorded_at": st.sampled_from(TIMES), "fingerprint": st.sampled_from(["0", "1"])})
    failure = st.fixed_dictionaries(
        {
            "failed_at": st.sampled_from(TIMES),
            "failure_code": st.sampled_from(["1", "2"]),
            "failure_reason": st.just("x"),
        }
    )

    def build(fields: dict[str, Any], content: dict[str, Any], failure: dict[str, Any]) -> MessageState:
        # Copies of one fact that agree in time and fingerprint agree in their content.
        text = {"text": content["recorded_at"] + content["fingerprint"]} if content else {}
        return MessageState(tenant_id="t", message_id="m", **fields, **content, **text, **failure)

    statuses = st.none() | st.dictionaries(st.sampled_from(["x", "y", "z"]), st.just("[]"), min_size=1)
    fields = st.fixed_dictionaries(
        {**dict.fromkeys(times, maybe_time), **dict.fromkeys(ids, word), "statuses": statuses}
    )
    return st.builds(build, fields, st.just({}) | content, st.just({}) | failure)


def conversation_states() -> st.SearchStrategy[ConversationState]:
    def build(fields: dict[str, Any], detailed: bool, details: dict[str, Any]) -> ConversationState:
        return ConversationState(
            tenant_id="t", conversation_id="c", **fields, **({"detailed": 1, **details} if detailed else {})
        )

    words = ("customer_id", "channel", "subject")
    fields = {**dict.fromkeys(("opened_at", "last_inbound_at", "last_outbound_at"), maybe_time)}
    empty: st.SearchStrategy[dict[str, Any]] = st.just({})
    closed = empty | st.fixed_dictionaries({"closed_at": time, "closed_reason": st.sampled_from(["", "x"])})
    failed = empty | st.fixed_dictionaries(
        {"failed_at": time, "failure_code": st.sampled_from(["1", "2"]), "failure_reason": st.sampled_from(["", "x"])}
    )
    priority = empty | st.fixed_dictionaries({"priority_at": time, "priority": st.integers(-1, 1)})
    lives = st.fixed_dictionaries(dict.fromkeys(("revived_at", "queued_at", "served_at"), maybe_time))
    details = st.builds(lambda *parts: {k: v for p in parts for k, v in p.items()}, lives, closed, failed, priority)
    return st.builds(build, st.fixed_dictionaries({**fields, **dict.fromkeys(words, word)}), st.booleans(), details)


def participant_states() -> st.SearchStrategy[ParticipantState]:
    times = dict.fromkeys(("first_joined_at", "joined_at", "left_at"), maybe_time)
    words = dict.fromkeys(("genesys_conversation_id", "user_id", "queue_id", "name"), word)
    named: dict[str, Any] = {"tenant_id": "t", "conversation_id": "c", "participant_id": "p"}
    fields = st.fixed_dictionaries({**times, **words})
    return st.builds(
        lambda role, f: ParticipantState(**named, **f, role=role), st.sampled_from(["agent", "bot"]), fields
    )


def conversation_events() -> st.SearchStrategy[ConversationEvent]:
    def build(recorded: str, fingerprint: str) -> ConversationEvent:
        # Copies of one fact that agree in time and fingerprint agree in the rest.
        named: dict[str, Any] = {"tenant_id": "t", "conversation_id": "c", "event_id": "e", "at": recorded}
        return ConversationEvent(
            **named, recorded_at=recorded, fingerprint=fingerprint, type="conversation.closed", reason=fingerprint
        )

    return st.builds(build, time, st.sampled_from(["0", "1"]))


def fields(kind: type[Any]) -> st.SearchStrategy[Any]:
    values = {"value": word, "at": time, "event_id": st.sampled_from(["e1", "e2"])}
    named = {"tenant_id": "t", kind.__struct_fields__[1]: "o", "kind": "k", "name": "n"}
    return st.fixed_dictionaries(values).map(lambda v: kind(**named, **v))


def context_versions() -> st.SearchStrategy[ContextVersion]:
    values = {"replaces": word, "document": st.sampled_from(["{}", "[]"]), "at": time}
    positions = st.integers(0, 2)
    named: dict[str, Any] = {"tenant_id": "t", "customer_id": "c", "version": "v", "by": "crm"}
    return st.builds(
        lambda v, position: ContextVersion(**named, **v, log_position=position),
        st.fixed_dictionaries(values),
        positions,
    )


def aliases() -> st.SearchStrategy[CustomerAlias]:
    named: dict[str, Any] = {"tenant_id": "t", "kind": "wa_id", "value": "1", "customer_id": "c"}
    return st.builds(lambda first, ended: CustomerAlias(**named, first_at=first, ended_at=ended), time, maybe_time)


def customer_states() -> st.SearchStrategy[CustomerState]:
    def build(name: tuple[str, str] | None, username: tuple[str, str] | None, seen: str) -> CustomerState:
        named = {"name": name[0], "name_at": name[1]} if name else {}
        called = {"username": username[0], "username_at": username[1]} if username else {}
        return CustomerState(tenant_id="t", customer_id="c", **named, **called, first_seen_at=seen, last_seen_at=seen)

    register = st.none() | st.tuples(st.sampled_from(["Ann", "Bob"]), st.sampled_from(TIMES))
    return st.builds(build, register, register, st.sampled_from(TIMES))


def attempt_states() -> st.SearchStrategy[AttemptState]:
    def build(attempted: str | None, result: str | None, ended: str, status: int | None, code: str) -> AttemptState:
        state = AttemptState(
            tenant_id="t",
            delivery_id="d",
            platform="genesys",
            part=1,
            term=0,
            attempt=1,
            parts=1,
            events_offset=7,
            attempted_at=attempted,
        )
        if result is not None:
            state.ended_at, state.result, state.rank = ended, result, RANKS[result]
            state.status, state.code = status, code
        return state

    return st.builds(
        build,
        maybe_time,
        st.none() | st.sampled_from(sorted(RANKS)),
        st.sampled_from(TIMES),
        st.sampled_from([None, 200, 503]),
        st.sampled_from(["", "x"]),
    )


def joined(*states: Any) -> bytes:
    """What the states amount to, in this order; they stay as they are."""
    first, *rest = (copy.copy(state) for state in states)
    for state in rest:
        first.join(state)
    return msgspec.json.encode(first, order="deterministic")


@pytest.mark.parametrize(
    "states",
    [
        *(message_states(), conversation_states(), customer_states(), attempt_states()),
        *(participant_states(), conversation_events(), fields(ConversationField), fields(CustomerField)),
        *(context_versions(), aliases()),
    ],
)
def test_a_join_is_commutative_associative_and_idempotent(states: st.SearchStrategy[Any]) -> None:
    @given(states, states, states)
    @settings(max_examples=300, deadline=None)
    def laws(one: Any, other: Any, third: Any) -> None:
        assert joined(one, other) == joined(other, one)
        grouped = copy.copy(other)
        grouped.join(third)
        assert joined(one, grouped) == joined(one, other, third)
        assert joined(one, one) == joined(one)

    laws()


def folded(values: list[bytes]) -> Views:
    views = Views()
    for value in values:
        fold(value, views)
    return views


@given(histories(), st.data())
@settings(max_examples=150, deadline=None)
def test_any_order_batching_and_repetition_of_the_facts_gives_the_same_views(
    history: list[bytes], data: st.DataObject
) -> None:
    expected = folded(history)
    repeated = history + data.draw(st.lists(st.sampled_from(history), max_size=8))
    shuffled = data.draw(st.permutations(repeated))
    assert folded(shuffled) == expected
    batched = Views()
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        batched.join(folded(shuffled[:size]))
        shuffled = shuffled[size:]
    assert batched == expected
