"""The circuit breaker: what opens it, who probes, and that one bad message can do neither harm."""

import asyncio
import itertools

import pytest

from agents.circuit import CONFIGURATION_PROBE, FIRST_PROBE, Circuit, Verdict


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Circuit:
    circuit = Circuit(clock)
    for _ in range(3):
        circuit.record("a", Verdict.TRANSPORT)
    assert circuit.is_open
    return circuit


def test_errors_of_the_server_on_one_thread_do_not_open_it() -> None:
    circuit = Circuit(Clock())
    for _ in range(20):
        circuit.record("a", Verdict.SERVER)
    assert not circuit.is_open
    assert circuit.record("b", Verdict.SERVER)
    assert circuit.is_open


def test_a_success_in_between_forgets_what_was_counted() -> None:
    circuit = Circuit(Clock())
    circuit.record("a", Verdict.SERVER)
    circuit.record("c", Verdict.WORKS)
    circuit.record("b", Verdict.SERVER)
    assert not circuit.is_open


@pytest.mark.parametrize("reason", [Verdict.SERVER, Verdict.CONFIGURATION])
def test_two_threads_open_it(reason: Verdict) -> None:
    circuit = Circuit(Clock())
    circuit.record("a", reason)
    circuit.record("b", reason)
    assert circuit.reason == reason.value


def test_a_refused_token_opens_it_at_once() -> None:
    circuit = Circuit(Clock())
    assert circuit.record("a", Verdict.CREDENTIALS)
    assert circuit.reason == "credentials"


def test_what_says_nothing_changes_nothing() -> None:
    circuit = opened(Clock())
    assert not circuit.record("a", Verdict.NOTHING)
    assert circuit.is_open


async def test_each_probe_is_made_by_another_thread() -> None:
    clock = Clock()
    circuit = opened(clock)
    waiting = {name: asyncio.create_task(circuit.admission(name)) for name in ("bad", "good", "other")}
    order = []
    for _ in range(4):
        clock.now += 1000.0
        circuit._wake()
        for _ in range(3):
            await asyncio.sleep(0)
        (admitted,) = [name for name, task in waiting.items() if task.done()]
        order.append(admitted)
        circuit.record(admitted, Verdict.TRANSPORT)
        waiting[admitted] = asyncio.create_task(circuit.admission(admitted))
    assert all(one != following for one, following in itertools.pairwise(order))
    for task in waiting.values():
        task.cancel()


async def test_a_successful_probe_admits_everybody() -> None:
    clock = Clock()
    circuit = opened(clock)
    waiting = [asyncio.create_task(circuit.admission(name)) for name in "abc"]
    await asyncio.sleep(0)
    assert circuit.record("a", Verdict.WORKS)
    await asyncio.wait_for(asyncio.gather(*waiting), 1.0)


async def test_a_probe_that_made_no_call_leaves_its_turn_to_another() -> None:
    clock = Clock()
    circuit = opened(clock)
    clock.now += FIRST_PROBE
    await asyncio.wait_for(circuit.admission("a"), 1.0)
    circuit.abandon("a")
    await asyncio.wait_for(circuit.admission("b"), 1.0)


def test_a_refused_configuration_is_asked_again_every_five_minutes() -> None:
    clock = Clock()
    circuit = Circuit(clock)
    circuit.record("a", Verdict.CREDENTIALS)
    for _ in range(5):
        circuit.record("a", Verdict.CREDENTIALS)
    assert circuit._probe_at == clock.now + CONFIGURATION_PROBE


def test_a_changed_configuration_is_tried_at_once() -> None:
    circuit = Circuit(Clock())
    circuit.record("a", Verdict.CREDENTIALS)
    circuit.renew()
    assert not circuit.is_open


def test_a_changed_configuration_does_not_bring_a_platform_back() -> None:
    circuit = opened(Clock())
    circuit.renew()
    assert circuit.is_open


async def test_who_pauses_goes_on_at_once_when_the_configuration_changes() -> None:
    circuit = Circuit(Clock())
    pauses = [asyncio.create_task(circuit.pause(3600.0)) for _ in range(3)]
    await asyncio.sleep(0)
    circuit.renew()
    await asyncio.wait_for(asyncio.gather(*pauses), 1.0)


async def test_calls_that_were_under_way_when_it_opened_do_not_put_the_probe_off() -> None:
    clock = Clock()
    circuit = opened(clock)
    for number in range(30):
        circuit.record(f"in flight {number}", Verdict.TRANSPORT)
    clock.now = FIRST_PROBE
    await asyncio.wait_for(circuit.admission("a"), 0.1)
