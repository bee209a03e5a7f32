"""Looking a message up in its Genesys conversation."""

from typing import Any

import pytest

from agents.answers import Taken
from agents.circuit import Verdict
from agents.conversations import Conversation, Conversations
from agents.look_up import DETAILS, Found, NotThere, Unsure, find_message
from schemas.outcomes import Accepted, RemoteIds

KNOWN = Conversation("conversation", "g1")


class Genesys:
    """One conversation: Genesys ids of the customer's messages, newest last, each with its wamid."""

    def __init__(self, said: dict[str, str], state: str = "connected") -> None:
        self.said = said
        self.state = state
        self.read: list[str] = []
        self.broken: dict[str, Unsure] = {}

    async def get(self, path: str) -> dict[str, Any] | Unsure:
        self.read.append(path.removeprefix("/api/v2/conversations/messages/"))
        if self.read[-1] in self.broken:
            return self.broken[self.read[-1]]
        if path.endswith("/details"):
            return {"providerMessageId": self.said[path.split("/")[-2]]}
        agent = {"purpose": "agent", "state": "connected", "messages": [{"messageId": "by-agent"}]}
        customer = {"purpose": "customer", "state": self.state, "messages": [{"messageId": id_} for id_ in self.said]}
        return {"id": "conversation", "participants": [agent, customer]}

    async def find(self, wamid: str, known: Conversation = KNOWN) -> Found:
        return await find_message(self.get, known, wamid)


async def test_what_came_after_the_last_known_message_is_asked_for_newest_first() -> None:
    genesys = Genesys({"g0": "wamid.0", "g1": "wamid.1", "g2": "wamid.2", "g3": "wamid.3"})
    assert await genesys.find("wamid.2") == Taken(200, "g2", "conversation")
    assert genesys.read == ["conversation", "g3/details", "g2/details"]


async def test_absence_in_a_connected_conversation_is_certain() -> None:
    genesys = Genesys({"g0": "wamid.0", "g1": "wamid.1"})
    assert await genesys.find("wamid.2") == NotThere()
    assert genesys.read == ["conversation"]


@pytest.mark.parametrize("state", ["disconnected", "terminated"])
async def test_absence_in_a_conversation_that_has_ended_proves_nothing(state: str) -> None:
    found = await Genesys({"g1": "wamid.1"}, state).find("wamid.2")
    assert isinstance(found, Unsure)
    assert not found.again


async def test_presence_in_a_conversation_that_has_ended_is_presence() -> None:
    found = await Genesys({"g1": "wamid.1", "g2": "wamid.2"}, "disconnected").find("wamid.2")
    assert found == Taken(200, "g2", "conversation")


async def test_the_number_of_calls_is_bounded_and_beyond_it_nothing_is_certain() -> None:
    genesys = Genesys({f"n{n}": f"other.{n}" for n in range(DETAILS + 1)})
    found = await genesys.find("wamid.2")
    assert isinstance(found, Unsure)
    assert len(genesys.read) == 1 + DETAILS


@pytest.mark.parametrize("path", ["conversation", "g2/details"])
async def test_what_cannot_be_read_is_handed_on(path: str) -> None:
    genesys = Genesys({"g1": "wamid.1", "g2": "wamid.2"})
    away = genesys.broken[path] = Unsure("away", again=True, verdict=Verdict.TRANSPORT)
    assert await genesys.find("wamid.2") is away
    assert away.concerns_destination


async def test_a_conversation_of_another_shape_tells_nothing() -> None:
    async def get(path: str) -> dict[str, Any]:
        return {"participants": "none"}

    assert isinstance(await find_message(get, KNOWN, "wamid.2"), Unsure)


def accepted(conversation: str | None, message: str = "g1") -> Accepted:
    return Accepted(
        delivery="d",
        offset=1,
        platform="genesys",
        term=0,
        status=200,
        genesys_conversation_id=conversation,
        personal=RemoteIds(message=message),
    )


def test_the_conversation_last_heard_of_counts() -> None:
    conversations = Conversations()
    conversations.note("acme", "thread", accepted("first", "g1"))
    conversations.note("acme", "thread", accepted("second", "g2"))
    conversations.note("acme", "thread", accepted(None, "g3"))
    assert conversations.of("acme", "thread") == Conversation("second", "g2")
    assert conversations.of("other", "thread") is None


def test_threads_not_heard_of_for_long_are_forgotten() -> None:
    conversations = Conversations(limit=2)
    for thread in ("a", "b", "a", "c"):
        conversations.note("acme", thread, accepted("conversation"))
    assert [bool(conversations.of("acme", thread)) for thread in "abc"] == [True, False, True]
