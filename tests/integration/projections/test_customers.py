"""Customers: one person over all their identities, in whatever order the links are learnt."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from schemas import ids
from schemas.parts import Person
from tests.integration.projections.desk import Desk
from tests.integration.projections.doings import alias_added, identified, opted, updated
from tests.integration.projections.support import ACME, message, subject_of

pytestmark = pytest.mark.integration

OLD, NEW, OTHER = "447400123456", "447400999999", "447400555555"


def at(minute: int) -> str:
    return f"2026-11-22T10:{minute:02d}:00.000Z"


def id_of(customer: str) -> str:
    return ids.customer_id(ACME, f"pseudonym-{customer}")


def thread_of(customer: str) -> str:
    return ids.conversation_id(ACME, subject_of(customer))


async def test_two_threads_of_one_person_are_one_customer_in_whatever_order_the_link_is_learnt(desk: Desk) -> None:
    for number, order in enumerate(itertools.permutations(range(3))):
        old, new = f"{OLD}{number}", f"{NEW}{number}"
        facts = [
            message(ACME, f"wamid.old.{number}", at(0), customer=old),
            alias_added(at(1), Person(wa_id=old), Person(wa_id=new), old, new),
            message(ACME, f"wamid.new.{number}", at(2), customer=new),
        ]
        for position in order:
            await desk.tell(facts[position])
        by_old, by_new = await desk.ask(f"/v1/customers/{id_of(old)}"), await desk.ask(f"/v1/customers/{id_of(new)}")
        assert by_old == by_new
        assert (by_old["id"], by_old["merged_ids"], by_old["wa_id"]) == (id_of(new), [id_of(old)], new)
        assert set(by_old["conversation_ids"]) == {thread_of(old), thread_of(new)}
        assert [(a["value"], a["current"]) for a in by_old["aliases"]] == [(old, False), (new, True)]
        listed = await desk.ask("/v1/conversations", customer_id=id_of(old))
        assert {item["id"] for item in listed["items"]} == {thread_of(old), thread_of(new)}


async def test_who_is_known_by_the_same_number_at_the_same_time_is_one_person(desk: Desk) -> None:
    """A thread named by a number, and one named by a user id with that number."""
    by_number = message(ACME, "wamid.1", at(0), customer=OLD)
    linked = identified(at(1), OTHER, "GB.1")
    await desk.tell(by_number, linked, message(ACME, "wamid.2", at(2), customer=OTHER))
    assert (await desk.ask(f"/v1/customers/{id_of(OTHER)}"))["merged_ids"] == [id_of("GB.1")]
    # What is learnt now: the user id has the number, so all three are one.
    await desk.tell(
        alias_added(at(3), Person(wa_id=OLD, user_id="GB.1"), Person(wa_id=OLD, user_id="GB.2"), "GB.1", "GB.2")
    )
    shown = await desk.ask(f"/v1/customers/{id_of(OLD)}")
    assert {shown["id"], *shown["merged_ids"]} == {id_of(name) for name in (OLD, OTHER, "GB.1", "GB.2")}
    assert shown["user_id"] == "GB.2"


async def test_a_number_that_was_given_up_may_be_a_strangers(desk: Desk) -> None:
    before, after = Person(wa_id=OLD, user_id="GB.1"), Person(wa_id=NEW, user_id="GB.2")
    await desk.tell(alias_added(at(1), before, after, "GB.1", "GB.2"))
    stranger = alias_added(at(9), Person(wa_id=OLD, user_id="GB.8"), Person(wa_id=OLD, user_id="GB.9"), "GB.8", "GB.9")
    await desk.tell(stranger)
    owner, other = await desk.ask(f"/v1/customers/{id_of('GB.1')}"), await desk.ask(f"/v1/customers/{id_of('GB.8')}")
    assert {owner["id"], *owner["merged_ids"]} == {id_of("GB.1"), id_of("GB.2")}
    assert {other["id"], *other["merged_ids"]} == {id_of("GB.8"), id_of("GB.9")}
    assert (owner["wa_id"], other["wa_id"]) == (NEW, OLD)
    found = (await desk.ask("/v1/customers", phone=f"+{OLD}"))["items"]
    assert {item["id"] for item in found} == {owner["id"], other["id"]}


async def test_a_number_is_found_under_every_spelling_and_shown_as_it_is_dialled(desk: Desk) -> None:
    await desk.tell(message(ACME, "wamid.1", at(0), customer="5215512345678"))
    for asked in ("5215512345678", "525512345678", "+52 55 1234 5678"):
        [found] = (await desk.ask("/v1/customers", phone=asked))["items"]
        assert found["id"] == id_of("5215512345678")
        [mapping] = (await desk.ask("/v1/mappings", wa_id=asked))["items"]
        assert mapping["wa_ids"] == ["5215512345678"]
    [number] = found["numbers"]
    assert (number["e164"], number["international"], number["region"], number["valid"]) == (
        *("+525512345678", "+52 55 1234 5678", "MX"),
        True,
    )
    assert (await desk.ask("/v1/customers", user_id="5215512345678"))["items"] == []


async def test_preferences_and_profile_are_the_latest_of_all_identities(desk: Desk) -> None:
    await desk.tell(
        opted("in", at(3), OLD),
        opted("out", at(2), OLD),
        opted("out", at(1), NEW, "newsletter"),
        updated(at(1), OLD, language="en", tier="gold"),
        updated(at(2), NEW, language="de", tier=None),
    )
    assert (await desk.ask(f"/v1/customers/{id_of(OLD)}"))["opted_out"] == []
    await desk.tell(identified(at(4), OLD, NEW))
    shown = await desk.ask(f"/v1/customers/{id_of(OLD)}")
    assert (shown["opted_out"], shown["profile"]) == (["newsletter"], {"language": "de"})


async def test_links_shown_in_any_number_of_steps(desk: Desk) -> None:
    names = [f"4474001234{number:02d}" for number in range(6)]
    links = [identified(at(number), one, other) for number, (one, other) in enumerate(itertools.pairwise(names))]
    await desk.tell(*reversed(links))
    shown = {name: await desk.ask(f"/v1/customers/{id_of(name)}") for name in names}
    assert len({_ident(customer) for customer in shown.values()}) == 1
    assert len(shown[names[0]]["merged_ids"]) == 5


def _ident(customer: dict[str, Any]) -> tuple[str, ...]:
    return (customer["id"], *customer["merged_ids"])
