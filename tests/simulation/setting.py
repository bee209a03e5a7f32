"""What a seed draws before it begins: settings and tenants, small enough for every bound to be met."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from pydantic import SecretStr

from agents import live, notices
from schemas.tenant import Channel, Genesys, GenesysClient, Tenant, WhatsAppApp
from streams.settings import Settings

PARTITIONS = 2
WINDOW = 20.0
CALL_TIMEOUT = 2.0
CALLS_IN_FLIGHT = 16
SESSION = 6.0

_SECRET = SecretStr("0123456789abcdef")
_CHANNEL = Channel(
    phone_number_id="1055",
    waba_id="77",
    app="main",
    access_token=_SECRET,
    integration_id="integration",
    webhook_secret=_SECRET,
)
_CLIENT = GenesysClient(client_id="client", client_secret=_SECRET)
_GENESYS = Genesys(login_url="http://genesys", api_url="http://genesys", clients=(_CLIENT,))
_TENANT = Tenant(
    id="t0",
    partition=0,
    pepper=_SECRET,
    apps=(WhatsAppApp(name="main", app_secret=_SECRET, verify_token=_SECRET),),
    channels=(_CHANNEL,),
    genesys=_GENESYS,
)
_SETTINGS = Settings(
    partitions=PARTITIONS,
    call_timeout=CALL_TIMEOUT,
    session_timeout=SESSION,
    duplicate_window=WINDOW,
    order_wait=1.5,
    look_up_wait=6.0,
    outage_notice_after=3.0,
    delivery_attempts=12,
)


def simulated_settings(random: Random) -> Settings:
    """Few places, frequent checkpoints; in some runs messages and receipts grow old."""
    return _SETTINGS.model_copy(
        update={
            "places": random.choice((2, 4, 16)),
            "finished_places": random.choice((2, 4, 16)),
            "checkpoint_records": random.choice((5, 20, 100)),
            "checkpoint_seconds": random.choice((1.0, 5.0)),
            "message_max_age": random.choice((1e6, 1e6, 1e6, 20.0)),
            "receipt_max_age": random.choice((1e6, 1e6, 10.0)),
        }
    )


def simulated_tenants(random: Random) -> list[Tenant]:
    """Some hold what is ambiguous, tell customers of outages, or have two OAuth clients."""
    return [_tenant(random, number) for number in range(random.randint(2, 4))]


def allowance(random: Random, client: GenesysClient) -> int:
    """What the platform really allows a client a minute: mostly what is configured."""
    return random.choice((client.calls_per_minute,) * 6 + (30, 60))


@contextmanager
def simulated_bounds(random: Random) -> Iterator[None]:
    """In some runs bounds that no run's few facts and threads would meet.

    How far Faust's position may be off before it counts as a jump, and how many threads are told of an outage.
    """
    allowance, threads = live.ALLOWANCE, notices.THREADS
    live.ALLOWANCE = random.choice((allowance, allowance, 5, 20))
    notices.THREADS = random.choice((threads, threads, 2))
    try:
        yield
    finally:
        live.ALLOWANCE, notices.THREADS = allowance, threads


def _tenant(random: Random, number: int) -> Tenant:
    name = f"t{number}"
    allowed = random.choice((600, 600, 300, 60))
    clients = tuple(
        _CLIENT.model_copy(update={"client_id": f"{name}-{n}", "calls_per_minute": allowed})
        for n in range(random.choice((1, 1, 1, 2)))
    )
    return _TENANT.model_copy(
        update={
            "id": name,
            "partition": number % PARTITIONS,
            "on_ambiguous": "hold" if random.random() < 0.4 else "resend",
            "outage_notice": "please wait" if random.random() < 0.5 else None,
            "channels": (_CHANNEL.model_copy(update={"phone_number_id": f"1055{number}"}),),
            "genesys": _GENESYS.model_copy(update={"clients": clients}),
        }
    )
