"""An operator pauses a tenant and resumes it while people talk: nothing goes out meanwhile, and in order afterwards."""

from __future__ import annotations

from tests.acceptance.stage import Stage
from tests.acceptance.system import until
from tests.acceptance.talk import Talk
from tests.faults.worker import total


def operate(stage: Stage, *arguments: str) -> None:
    done = stage.command("tenants", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def sent_to(stage: Stage, tenant: str) -> int:
    """Calls about messages and receipts that either platform received for a tenant."""
    calls = stage.calls("genesys", tenant=tenant) + stage.calls("whatsapp", tenant=tenant)
    return len([call for call in calls if call["operation"] != "token"])


def test_nothing_of_a_paused_tenant_goes_out_and_its_order_is_kept(stage: Stage, talk: Talk) -> None:
    talk.say(40)
    stage.judged()
    operate(stage, "pause", "acme", "--reason", "their number is being moved", "--by", "test")
    customer = stage.new_customer()
    stage.customer_says(customer, "the first after the pause")
    until("the pause at the sender", lambda: _behind(stage) > 0)
    # What was on its way when the pause arrived has ended by the time that the others' messages are through.
    witness = stage.customer_says(stage.new_customer(), "a witness", "globex")
    stage.line("genesys", wamid=witness)
    before = sent_to(stage, "acme")
    talk.say(60)
    stage.agent_says(customer, "held back as well")
    stage.customer_says(customer, "the last before the end")
    last = [stage.customer_says(stage.new_customer(), f"witness {number}", "globex") for number in range(5)]
    for wamid in last:
        stage.line("genesys", wamid=wamid)
    assert sent_to(stage, "acme") == before
    operate(stage, "resume", "acme", "--reason", "moved", "--by", "test")
    stage.judged(patience=90)
    assert sent_to(stage, "acme") > before


def _behind(stage: Stage) -> float:
    return total(stage.metrics("agents"), "relaylog_sender_behind_total", reason="paused")
