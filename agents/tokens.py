"""OAuth tokens of Genesys clients: cached, refreshed early, one mint in flight a client (genesys.md section 1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from prometheus_client import Counter

from agents.answers import NotSent, Refused, Unanswered
from agents.post import post
from schemas.tenant import Genesys, GenesysClient

#: A token is replaced this many seconds before it expires, or at half its life when that is shorter.
REFRESH_EARLY = 60.0
#: After a mint that came too soon, which has a limit of its own, nobody mints for this long.
MINT_RATE_PAUSE = 10.0
#: After credentials were refused, nobody mints by the same record of the tenant for this long: shorter than until the
#: next probe of an open circuit, longer than a permit is waited for.
REFUSED_PAUSE = 60.0
#: By how a mint ended.
_PAUSES = {"too_soon": MINT_RATE_PAUSE, "refused": REFUSED_PAUSE}

#: (login_url, client_id, client_secret)
_Key = tuple[str, str, str]


class MintFailed(Exception):
    """No token; ``answer`` says how the mint ended. Nothing was sent to the API."""

    def __init__(self, answer: Refused | NotSent) -> None:
        super().__init__(answer.reason)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    fresh_until: float


@dataclass(frozen=True, slots=True)
class _Refusal:
    """How a mint was refused, which holds for all who ask before ``until``."""

    answer: Refused | NotSent
    until: float
    #: What the tenant's record said; None where no other record helps.
    genesys: Genesys | None

    def holds(self, genesys: Genesys, now: float) -> bool:
        # By identity: an operator who registers the same once more has corrected something on the platform.
        return now < self.until and (self.genesys is None or self.genesys is genesys)


class TokenCache:
    """Tokens by client, secret and region: who names another's client by mistake gets no token of it.

    ``clock`` gives monotonic seconds, ``mints`` counts by result.
    """

    def __init__(self, session: aiohttp.ClientSession, clock: Callable[[], float], mints: Counter) -> None:
        self._session = session
        self._clock = clock
        self._counts = mints
        self._tokens: dict[_Key, _Token] = {}
        #: Mints under way: all who ask meanwhile share the end, good or bad.
        self._mints: dict[_Key, asyncio.Task[_Token]] = {}
        self._refusals: dict[_Key, _Refusal] = {}

    async def token(self, genesys: Genesys, client: GenesysClient) -> str:
        """A token that is valid for a while. Raises MintFailed."""
        key, now = _key(genesys, client), self._clock()
        known = self._tokens.get(key)
        if known is not None and known.fresh_until > now:
            return known.value
        refusal = self._refusals.get(key)
        if refusal is not None and refusal.holds(genesys, now):
            raise MintFailed(refusal.answer)
        mint = self._mints.get(key)
        if mint is None:
            mint = self._mints[key] = asyncio.create_task(self._mint(genesys, client))
            mint.add_done_callback(lambda done: self._minted(key, genesys, done))
        return (await asyncio.shield(mint)).value

    def _minted(self, key: _Key, genesys: Genesys, mint: asyncio.Task[_Token]) -> None:
        del self._mints[key]
        if mint.cancelled():
            return
        failed = mint.exception()
        result = _how(failed)
        self._counts.labels(result).inc()
        self._refusals.pop(key, None)
        if failed is None:
            self._tokens[key] = mint.result()
        elif isinstance(failed, MintFailed) and result in _PAUSES:
            until = self._clock() + _PAUSES[result]
            self._refusals[key] = _Refusal(failed.answer, until, genesys if result == "refused" else None)

    def drop(self, genesys: Genesys, client: GenesysClient, value: str) -> None:
        """Forget a token that the API refused, unless another has taken its place."""
        known = self._tokens.get(_key(genesys, client))
        if known is not None and known.value == value:
            del self._tokens[_key(genesys, client)]

    async def _mint(self, genesys: Genesys, client: GenesysClient) -> _Token:
        basic = aiohttp.encode_basic_auth(client.client_id, client.client_secret.get_secret_value())
        url = f"{genesys.login_url.rstrip('/')}/oauth/token"
        now = self._clock()
        answer = await post(self._session, url, {"Authorization": basic}, {"grant_type": "client_credentials"})
        match answer:
            case NotSent():
                raise MintFailed(answer)
            case Unanswered(code, reason):
                raise MintFailed(NotSent(code, f"token endpoint: {reason}"))
        body = answer.body or {}
        if answer.status == 200 and isinstance(body.get("access_token"), str):
            told = body.get("expires_in")
            life = float(told) if isinstance(told, int | float) else 2 * REFRESH_EARLY
            return _Token(body["access_token"], now + max(life - REFRESH_EARLY, life / 2))
        code, reason = (
            str(body.get("error", "token_refused")),
            str(body.get("error_description", f"HTTP {answer.status}")),
        )
        # Minting too fast is told by 400 `invalid_request`, not by 429; other refusals are a matter of configuration.
        status = 429 if answer.status == 429 or reason.startswith("rate limit exceeded") else 403
        raise MintFailed(Refused(503 if answer.status >= 500 else status, code, f"token endpoint: {reason}"))


def _key(genesys: Genesys, client: GenesysClient) -> _Key:
    return genesys.login_url, client.client_id, client.client_secret.get_secret_value()


def _how(failed: BaseException | None) -> str:
    if failed is None:
        return "minted"
    answer = failed.answer if isinstance(failed, MintFailed) else None
    if not isinstance(answer, Refused) or answer.status >= 500:
        return "unreachable"
    return "too_soon" if answer.status == 429 else "refused"
