"""Context documents: written with a version check, kept in the log, decided by its order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from projections.rebuild import rebuild
from schemas import ids
from schemas.customer_events import ContextWrite
from schemas.envelope import decode
from tests.integration.projections.asking import api_key, reading_key
from tests.integration.projections.desk import Desk
from tests.integration.projections.doings import CUSTOMER, identified, updated
from tests.integration.projections.support import ACME, GLOBEX, message, rows

pytestmark = pytest.mark.integration

PATH = f"/v1/customers/{ids.customer_id(ACME, f'pseudonym-{CUSTOMER}')}/context"
AT = "2026-11-22T10:00:00.000Z"


async def test_a_document_is_replaced_only_by_whoever_knows_it(desk: Desk) -> None:
    await desk.tell(message(ACME, "wamid.1", AT))
    assert (await desk.client.get(PATH)).status_code == 404
    first = await desk.client.put(PATH, {"tier": "gold"}, If_None_Match="*")
    assert (first.status_code, first.json()["document"], first.json()["number"]) == (200, {"tier": "gold"}, 1)
    assert (await desk.client.put(PATH, {"tier": "tin"}, If_None_Match="*")).status_code == 412
    again = await desk.client.put(PATH, {"tier": "gold"}, If_None_Match="*")
    assert (again.status_code, again.json()) == (200, first.json()), "the same write told again is no other"
    second = await desk.client.put(PATH, {"tier": "tin"}, If_Match=first.headers["ETag"])
    assert (second.status_code, second.json()["number"], second.json()["by"]) == (200, 2, "all")
    late = await desk.client.put(PATH, {"tier": "lead"}, If_Match=first.headers["ETag"])
    assert (late.status_code, late.headers["ETag"]) == (412, second.headers["ETag"])
    shown = await desk.client.get(PATH)
    assert (shown.json(), shown.headers["ETag"]) == (second.json(), second.headers["ETag"])
    assert (await desk.ask(PATH.removesuffix("/context")))["context"] == second.json()


async def test_of_many_who_write_at_once_exactly_one_succeeds(desk: Desk) -> None:
    await desk.tell(message(ACME, "wamid.1", AT))
    tag = '"x"'
    for _ in range(4):
        condition = {"If_None_Match": "*"} if tag == '"x"' else {"If_Match": tag}
        answers = await asyncio.gather(*(desk.client.put(PATH, {"by": n}, **condition) for n in range(8)))
        [winner] = [answer for answer in answers if answer.status_code == 200]
        assert {answer.status_code for answer in answers} == {200, 412}
        shown = await desk.client.get(PATH)
        assert shown.json()["document"] == winner.json()["document"]
        tag = winner.headers["ETag"]


async def test_documents_are_facts_and_survive_a_rebuild(desk: Desk) -> None:
    await desk.tell(message(ACME, "wamid.1", AT))
    first = await desk.client.put(PATH, {"tier": "gold"}, If_None_Match="*")
    await desk.client.put(PATH, {"tier": "tin", "since": 2019}, If_Match=first.headers["ETag"])
    before = (await desk.client.get(PATH)).json()
    await rebuild(desk.settings, lambda _: None)
    assert (await desk.client.get(PATH)).json() == before
    assert await rows(desk.admin, "SELECT count(*) FROM api.context_version") == [(2,)]


async def test_writes_by_the_log_count_in_its_order_however_late_they_say_they_are(desk: Desk) -> None:
    """Rivals for one version: the first in the log counts, and what builds on another never does."""

    def write(second: int, replaces: str | None, **document: Any) -> bytes:
        at = f"2026-11-22T10:00:{second:02d}.000Z"
        return updated(at, context=ContextWrite(document=document, replaces=replaces), id=str(document))

    first, rival = write(30, None, n=1), write(10, None, n=2)
    on_rival = write(11, decode(rival).id, n=3)
    on_first = write(40, decode(first).id, n=4)
    await desk.tell(on_first, first, rival, on_rival)
    assert (await desk.ask(PATH))["document"] == {"n": 4}
    await desk.tell(first, rival, on_rival)
    assert (await desk.ask(PATH))["number"] == 2


async def test_identities_that_become_one_person_have_one_document(desk: Desk) -> None:
    other = "447700900999"
    await desk.tell(message(ACME, "wamid.1", AT), message(ACME, "wamid.2", AT, customer=other))
    others = PATH.replace(ids.customer_id(ACME, f"pseudonym-{CUSTOMER}"), ids.customer_id(ACME, f"pseudonym-{other}"))
    await desk.client.put(PATH, {"tier": "gold"}, If_None_Match="*")
    latest = await desk.client.put(others, {"tier": "tin"}, If_None_Match="*")
    await desk.tell(identified(AT, CUSTOMER, other))
    assert (await desk.ask(PATH)) == (await desk.ask(others)) == latest.json()
    joined = await desk.client.put(PATH, {"tier": "both"}, If_Match=latest.headers["ETag"])
    assert (joined.status_code, await desk.ask(others)) == (200, joined.json())


REFUSED: list[tuple[str, dict[str, str], Any, int]] = [
    (reading_key(ACME), {"If_None_Match": "*"}, {}, 403),
    ("nobody's", {"If_None_Match": "*"}, {}, 401),
    (api_key(GLOBEX), {"If_None_Match": "*"}, {}, 401),
    (api_key(ACME), {}, {}, 400),
    (api_key(ACME), {"If_None_Match": "*"}, [], 400),
    (api_key(ACME), {"If_None_Match": "*"}, {"much": "x" * 17_000}, 400),
    (api_key(ACME), {"If_None_Match": "*"}, {"nul": "\x00"}, 400),
    (api_key(ACME), {"If_Match": '"another"'}, {}, 412),
]


async def test_what_may_not_be_written(desk: Desk, subtests: pytest.Subtests) -> None:
    await desk.tell(message(ACME, "wamid.1", AT))
    for key, headers, body, expected in REFUSED:
        with subtests.test(key=key, body=str(body)[:20], **headers):
            answer = await desk.client.put(PATH, body, key, **headers)
            assert (answer.status_code, answer.headers["Content-Type"]) == (expected, "application/problem+json")
    assert await rows(desk.admin, "SELECT count(*) FROM api.context_version") == [(0,)]
