"""A tenant's whole configuration: its WhatsApp apps and channels, its Genesys clients, its keys and its partition.

Secrets are clear only in memory. Written to JSON they pass through the ``encrypt`` callable of the serialisation
context, read from JSON through ``decrypt`` of the validation context; without a context they stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    SerializationInfo,
    ValidationInfo,
    model_validator,
)

from schemas.outcomes import Platform

Transform = Callable[[str], str]


def _decrypted(value: Any, info: ValidationInfo) -> Any:
    decrypt: Transform | None = (info.context or {}).get("decrypt")
    return decrypt(value) if decrypt and isinstance(value, str) else value


def _encrypted(value: SecretStr, info: SerializationInfo) -> str:
    encrypt: Transform | None = (info.context or {}).get("encrypt")
    return encrypt(value.get_secret_value()) if encrypt else str(value)


def _in_one_line(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().isprintable():
        raise ValueError("must be printable and of one line; is there a line break at its end?")
    return value


def _base_url(value: str) -> str:
    """What can be called: a host that names can be looked up for, and no user, since calls carry a token."""
    try:
        address = urlsplit(value)
        host = (address.hostname or "").encode("idna")
        good = bool(host and address.scheme in ("http", "https")) and "@" not in address.netloc and address.port != 0
    except ValueError:
        good = False
    if not good or not value.isprintable() or " " in value:
        raise ValueError("must be http(s)://host[:port], without a user")
    return value


Secret = Annotated[
    SecretStr,
    BeforeValidator(_decrypted),
    AfterValidator(_in_one_line),
    PlainSerializer(_encrypted, return_type=str, when_used="json"),
]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
#: Ids that the platforms give are opaque; what could break out of a URL path is refused.
PlatformId = Annotated[str, Field(pattern=r"^[^\s/?#]{1,64}$")]
#: As the log writes instants (schemas/envelope.py).
CanonicalTime = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
PLATFORMS: Final[tuple[Platform, ...]] = ("genesys", "whatsapp")
#: So many of the newest notes a tenant's record keeps.
HISTORY_LENGTH: Final = 50
#: Genesys refuses a shorter one (genesys.md section 2).
GenesysSecret = Annotated[Secret, Field(min_length=16)]


class Strict(BaseModel):
    """Configuration refuses fields that it does not know: a typing error must not pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WhatsAppApp(Strict):
    """A Meta app; its name is the last part of its webhook URL. Several tenants may share one."""

    name: Slug
    app_secret: Secret
    #: Still accepted while a rotation is under way.
    previous_app_secret: Secret | None = None
    verify_token: Secret


class Channel(Strict):
    """One WhatsApp number paired with one Genesys Open Messaging integration."""

    phone_number_id: PlatformId
    waba_id: PlatformId
    app: Slug
    access_token: Secret
    integration_id: PlatformId
    webhook_secret: GenesysSecret
    previous_webhook_secret: GenesysSecret | None = None
    #: Throughput of the number: 80 unless Meta has raised it to 1000, 20 in coexistence (whatsapp.md section 5.3).
    messages_per_second: Annotated[int, Field(gt=0)] = 80


class GenesysClient(Strict):
    """An OAuth client (client credentials) with its budget of calls."""

    client_id: Annotated[str, Field(pattern=r"^[^\s:]+$")]
    client_secret: Secret
    calls_per_minute: Annotated[int, Field(gt=0)] = 300


class Genesys(Strict):
    """Where the organisation's region is, and as whom to call it (genesys.md section 1)."""

    login_url: BaseUrl
    api_url: BaseUrl
    clients: Annotated[tuple[GenesysClient, ...], Field(min_length=1)]


class ApiKey(Strict):
    """A key for queries; only its SHA-256 (hex) is kept. With the scope ``write`` it may also set context documents."""

    id: Slug
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: tuple[Literal["read", "send", "write"], ...] = ("read",)


class ProduceKey(Strict):
    """A key with which another program signs what it appends to ``intake``."""

    id: Slug
    secret: Secret


class Pause(Strict):
    """Nothing is sent to ``platforms`` until an operator resumes: what is for them waits in the log."""

    platforms: Annotated[tuple[Platform, ...], Field(min_length=1)] = PLATFORMS
    reason: Annotated[str, Field(min_length=1)]
    at: CanonicalTime
    #: Who did it, in words of the installation.
    by: Annotated[str, Field(min_length=1)]


class OperatorNote(Strict):
    """What an operator did to a tenant, and why."""

    what: Literal["paused", "resumed"]
    platforms: tuple[Platform, ...] = PLATFORMS
    reason: str
    at: CanonicalTime
    by: str


class Retention(Strict):
    """Days that the tables keep a kind of data; None: as the settings say. The log keeps its own time."""

    #: Messages, what became of them, and what happened in their conversations.
    messages_days: Annotated[int, Field(gt=0)] | None = None
    dead_letters_days: Annotated[int, Field(gt=0)] | None = None


class Tenant(Strict):
    """Everything about one tenant; the value of its record in the ``tenants`` topic."""

    id: Slug
    #: Name for people.
    label: str = ""
    #: Partition of ``events``, ``outcomes``, ``dead-letters`` and the rate table; chosen at registration, never
    #: changed.
    partition: Annotated[int, Field(ge=0)]
    #: Key of all pseudonyms; made once, never rotated.
    pepper: Secret
    #: Which of a customer's ids is the customer: the other serves where the first is missing (``bsuid``), or the
    #: reverse.
    customer_identity: Literal["bsuid", "phone"] = "bsuid"
    #: What to do with a delivery whose answer was lost: send again (a visible duplicate), or keep for a person.
    on_ambiguous: Literal["resend", "hold"] = "resend"
    #: Sent to a customer whose message waits because Genesys is away, once a thread and outage; None: nothing is said.
    outage_notice: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    retention: Retention = Retention()
    #: Show on WhatsApp that an agent types. WhatsApp then marks the customer's messages as read, hence the choice; and
    #: Genesys tells of typing only where its messaging setting enables it.
    whatsapp_typing: bool = False
    apps: Annotated[tuple[WhatsAppApp, ...], Field(min_length=1)]
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    genesys: Genesys
    api_keys: tuple[ApiKey, ...] = ()
    produce_keys: tuple[ProduceKey, ...] = ()
    #: Set while an operator holds back what is for the tenant's platforms.
    paused: Pause | None = None
    #: The newest notes of operators, oldest first.
    history: Annotated[tuple[OperatorNote, ...], Field(max_length=HISTORY_LENGTH)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [app.name for app in self.apps]
        for channel in self.channels:
            if channel.app not in names:
                raise ValueError(
                    f"channels: app {channel.app!r} of number {channel.phone_number_id} is not among apps {names}"
                )
        for field in ("phone_number_id", "integration_id"):
            values = [getattr(channel, field) for channel in self.channels]
            if len(set(values)) != len(values):
                raise ValueError(f"channels: {field} must be unique, one number pairs with one integration")
        return self

    @property
    def pepper_bytes(self) -> bytes:
        """The pepper as HMAC key."""
        return self.pepper.get_secret_value().encode()

    def channel(self, phone_number_id: str) -> Channel | None:
        """The channel of a WhatsApp number."""
        for channel in self.channels:
            if channel.phone_number_id == phone_number_id:
                return channel
        return None

    def channel_of_integration(self, integration_id: str) -> Channel | None:
        """The channel of a Genesys integration."""
        return next((c for c in self.channels if c.integration_id == integration_id), None)

    def app(self, name: str) -> WhatsAppApp | None:
        """The Meta app with that name."""
        return next((app for app in self.apps if app.name == name), None)

    def is_paused(self, platform: Platform) -> bool:
        """True while an operator holds back what is for ``platform``."""
        return self.paused is not None and platform in self.paused.platforms

    def with_pause(self, pause: Pause) -> Tenant:
        """The tenant with ``pause`` in force; what was paused before stays so."""
        before = self.paused.platforms if self.paused else ()
        platforms = tuple(platform for platform in PLATFORMS if platform in (*before, *pause.platforms))
        note = OperatorNote(what="paused", platforms=pause.platforms, reason=pause.reason, at=pause.at, by=pause.by)
        return self._noted(note, pause.model_copy(update={"platforms": platforms}))

    def resumed(self, reason: str, at: str, by: str) -> Tenant:
        """The tenant with nothing paused."""
        platforms = self.paused.platforms if self.paused else PLATFORMS
        return self._noted(OperatorNote(what="resumed", platforms=platforms, reason=reason, at=at, by=by), None)

    def _noted(self, note: OperatorNote, paused: Pause | None) -> Tenant:
        history = (*self.history, note)[-HISTORY_LENGTH:]
        return self.model_copy(update={"paused": paused, "history": history})
