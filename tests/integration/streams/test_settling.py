"""Dead letters on a real broker: listed, redriven in the order of the log, discarded, each once."""

import asyncio
import itertools

import pytest

from schemas.envelope import Envelope, decode, decode_data, encode
from schemas.events import RedrivenData
from schemas.redriving import REDRIVEN, redrive_id
from streams.dead_letter_reader import DeadLetter, find_letters, newest_letters
from streams.dead_letters import dead_letter, dead_letter_id
from streams.log import LogWriter, Record
from streams.redriving import redrive_letters, redrive_tenant
from streams.settings import Settings
from streams.settling import CannotSettle, Intervention, Settled, discard_letter
from streams.topics import EVENTS, topic_name
from tests.integration.streams.support import NOW, read_log
from tests.unit.schemas.samples import received

WHY = Intervention(reason="corrected", by="op", at=NOW)
PARTITION = 1

pytestmark = pytest.mark.integration


def quiet(_what: str, _done: int, _all: int) -> None:
    """Nobody looks at the progress."""


def said(number: int, sender: str = "447700900123") -> Envelope:
    return received(id=f"wamid.{number}", **{"from": sender})


class Log:
    """Facts of the tenant acme, and what the sender gives up of them."""

    def __init__(self, settings: Settings, writer: LogWriter) -> None:
        self.settings = settings
        self.writer = writer

    async def append(self, fact: Envelope) -> Record:
        headers = [("type", fact.type.encode()), ("id", fact.id.encode())]
        done = await self.writer.append(EVENTS, PARTITION, encode(fact), key=b"acme", headers=headers)
        return Record(PARTITION, done.offset, done.timestamp, b"acme", encode(fact), headers)

    async def give_up(self, fact: Record, reason: str = "131047: window closed") -> str:
        return await self.keep(
            fact.value or b"", f"{topic_name(self.settings, EVENTS)}/{PARTITION}/{fact.offset}", "sender", reason
        )

    async def keep(self, value: bytes, origin: str, handler: str, reason: str = "not_json") -> str:
        await dead_letter(
            self.writer,
            partition=PARTITION,
            tenant="acme",
            value=value,
            reason=reason,
            origin=origin,
            handler=handler,
            attempts=3,
            at=NOW,
        )
        return dead_letter_id(origin, value)

    async def redrive(self, *ids: str) -> list[Settled]:
        return await redrive_letters(self.settings, self.writer, ids, range(3), WHY, quiet)

    async def redrive_all(self, matching: str = "") -> list[Settled]:
        return await redrive_tenant(self.settings, self.writer, "acme", PARTITION, matching, WHY, quiet)

    async def redriven(self) -> list[Record]:
        return [r for r in await read_log(self.settings, EVENTS) if r.header("type") == REDRIVEN.encode()]

    async def redriven_data(self) -> list[RedrivenData]:
        return [decode_data(decode(record.value), RedrivenData) for record in await self.redriven()]

    async def listed(self, limit: int = 50, *, settled: bool = False) -> list[DeadLetter]:
        return await newest_letters(self.settings, range(3), limit, lambda it: settled or it.state == "open")


@pytest.fixture
def log(settings: Settings, writer: LogWriter) -> Log:
    return Log(settings, writer)


async def test_a_redrive_carries_the_original_to_the_tenants_partition(log: Log) -> None:
    fact = said(1)
    letter = await log.give_up(await log.append(fact))
    assert [(it.id, it.what) for it in await log.redrive(letter)] == [(letter, "redriven")]
    (record,) = await log.redriven()
    redrive = decode(record.value)
    assert (record.partition, record.key, record.header("id")) == (PARTITION, b"acme", redrive.id.encode())
    assert (redrive.id, redrive.subject, redrive.time) == (redrive_id("acme", fact.id, 1), fact.subject, NOW)
    data = decode_data(redrive, RedrivenData)
    assert (data.delivery, data.number, data.reason, data.by) == (fact.id, 1, "corrected", "op")
    assert decode(bytes(data.personal.original)) == fact


async def test_what_is_redriven_together_keeps_the_order_of_the_log(log: Log) -> None:
    facts = [await log.append(said(number, sender)) for number, sender in enumerate(["44771", "44772"] * 3)]
    for fact in (facts[3], facts[0], facts[5], facts[1], facts[4], facts[2]):
        await log.give_up(fact)
    assert {it.what for it in await log.redrive_all()} == {"redriven"}
    assert [data.delivery for data in await log.redriven_data()] == [decode(fact.value).id for fact in facts]


async def test_a_letter_is_redriven_once(log: Log) -> None:
    letter = await log.give_up(await log.append(said(1)))
    await log.redrive(letter)
    assert [it.what for it in await log.redrive(letter)] == ["was redriven before"]
    assert await log.redrive_all() == []
    assert len(await log.redriven()) == 1


async def test_a_run_that_broke_off_before_its_marks_adds_no_second_redrive(log: Log) -> None:
    fact = await log.append(said(1))
    letter = await log.give_up(fact)
    await log.redrive(letter)
    # A letter that nobody has marked, for a delivery that the log shows redriven.
    second = await log.keep(fact.value or b"", f"copy/{fact.offset}", "sender", "131047: window closed")
    assert [(it.id, it.what) for it in await log.redrive_all()] == [(second, "was redriven before")]
    assert len(await log.redriven()) == 1
    assert await log.listed() == []


async def test_two_runs_at_once_append_one_id_in_order(log: Log) -> None:
    facts = [await log.append(said(number)) for number in range(20)]
    for fact in facts:
        await log.give_up(fact)
    await asyncio.gather(log.redrive_all(), log.redrive_all())
    first_of_each = dict.fromkeys(data.delivery for data in await log.redriven_data())
    assert list(first_of_each) == [decode(fact.value).id for fact in facts]
    ids = {decode(record.value).id for record in await log.redriven()}
    assert ids == {redrive_id("acme", delivery, 1) for delivery in first_of_each}


async def test_given_up_again_it_is_redriven_with_the_next_number_before_later_ones(log: Log) -> None:
    early, late = await log.append(said(1)), await log.append(said(2))
    await log.redrive(await log.give_up(early))
    (again,) = await log.redriven()
    await log.give_up(late)
    await log.give_up(again)
    await log.redrive_all()
    numbers = [(data.delivery, data.number) for data in await log.redriven_data()]
    first, second = (decode(fact.value).id for fact in (early, late))
    assert numbers == [(first, 1), (first, 2), (second, 1)]


async def test_the_copies_of_a_sender_that_crashed_are_one_letter(log: Log) -> None:
    fact = await log.append(said(1))
    letter = await log.give_up(fact)
    await log.redrive(letter)
    assert await log.give_up(fact) == letter
    assert [it.what for it in await log.redrive(letter)] == ["was redriven before"]
    assert (await find_letters(log.settings, range(3), [letter]))[letter].state == "redriven"


async def test_only_what_the_sender_gave_up_can_be_redriven(log: Log) -> None:
    webhook = await log.keep(b"{not json", "webhooks/whatsapp/main", "gateway")
    broken = await log.keep(b"{not json", "events/1/7", "sender")
    record = await log.give_up(await log.append(said(1)))
    settled = {it.id: it for it in await log.redrive(webhook, broken, record)}
    assert [settled[id].what for id in (webhook, broken, record)] == ["cannot be redriven"] * 2 + ["redriven"]
    assert "no delivery to make again" in settled[webhook].detail
    assert {it.id for it in await log.listed()} == {webhook, broken}


async def test_all_can_be_narrowed_by_the_reason(log: Log) -> None:
    wanted = await log.give_up(await log.append(said(1)), "131047: window closed")
    await log.give_up(await log.append(said(2)), "400: bad request")
    assert [it.id for it in await log.redrive_all("131047")] == [wanted]


async def test_discarding_hides_and_keeps(log: Log) -> None:
    fact = await log.append(said(1))
    letter = await log.give_up(fact)
    assert (await discard_letter(log.settings, log.writer, letter, range(3), WHY)).what == "discarded"
    assert (await discard_letter(log.settings, log.writer, letter, range(3), WHY)).what == "was discarded before"
    assert await log.listed() == []
    assert [it.state for it in await log.listed(settled=True)] == ["discarded"]
    assert (await find_letters(log.settings, range(3), [letter]))[letter].value == fact.value
    assert [it.what for it in await log.redrive(letter)] == ["cannot be redriven"]
    assert await log.redrive_all() == [] and await log.redriven() == []


async def test_what_was_redriven_cannot_be_discarded(log: Log) -> None:
    letter = await log.give_up(await log.append(said(1)))
    await log.redrive(letter)
    with pytest.raises(CannotSettle, match="was redriven"):
        await discard_letter(log.settings, log.writer, letter, range(3), WHY)


async def test_nothing_is_done_when_a_letter_does_not_exist(log: Log) -> None:
    letter = await log.give_up(await log.append(said(1)))
    with pytest.raises(CannotSettle, match="no dead letter has the id 0000"):
        await log.redrive(letter, "0000")
    with pytest.raises(CannotSettle, match="0000"):
        await discard_letter(log.settings, log.writer, "0000", range(3), WHY)
    assert await log.redriven() == []


async def test_the_newest_are_listed_first_over_block_borders(log: Log) -> None:
    letters = [await log.keep(str(number).encode(), "intake/0/1", "intake") for number in range(450)]
    for letter in letters[440:]:
        await discard_letter(log.settings, log.writer, letter, [PARTITION], WHY)
    assert [it.id for it in await log.listed(5)] == letters[439:434:-1]
    every = await log.listed(1000)
    assert {it.id for it in every} == set(letters[:440]) and not any(it.value for it in every)
    assert all(one.timestamp >= other.timestamp for one, other in itertools.pairwise(every))
