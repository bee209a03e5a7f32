"""All settings: environment variables ``RELAYLOG_...``, validated wholly at the start of a process."""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import RelaylogError

Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class InvalidSettings(RelaylogError):
    """One message that names every bad setting."""


class Settings(BaseSettings):
    """Every setting with its default and meaning; `relaylog settings` prints them."""

    model_config = SettingsConfigDict(env_prefix="RELAYLOG_", env_ignore_empty=True, extra="ignore", frozen=True)

    kafka: str = Field(default="127.0.0.1:9092", description="Kafka bootstrap servers, comma separated")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="how to connect to Kafka"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="PLAIN", description="SASL mechanism"
    )
    kafka_username: str = Field(default="", description="SASL user")
    kafka_password: SecretStr = Field(default=SecretStr(""), description="SASL password")
    kafka_ca_file: str = Field(
        default="", description="certificate authority of the brokers (PEM); empty: the system's"
    )
    topic_prefix: str = Field(default="relaylog.", description="start of every topic, group and app name")
    partitions: Positive = Field(
        default=8, description="partitions of events, outcomes, dead-letters; fixed at the first start"
    )
    replication_factor: Positive = Field(default=1, description="copies of every topic; 3 in production")
    min_insync_replicas: Positive = Field(
        default=1, description="copies that must have a record before it counts; 2 in production"
    )

    postgres: str = Field(default="", description="Postgres address of the owner and writer (postgresql://...)")
    postgres_query: str = Field(
        default="", description="Postgres address of the query role, bound by row-level security"
    )
    redis: str = Field(default="", description="Redis address (redis://...); only ever saves time")

    master_key: SecretStr = Field(default=SecretStr(""), description="32 bytes in base64; encrypts secrets of tenants")
    operator_key: SecretStr = Field(default=SecretStr(""), description="bearer key of the operator, who sees all")

    host: str = Field(default="127.0.0.1", description="address that every HTTP server listens on")
    gateway_port: Port = Field(default=8080, description="port of the gateway")
    query_port: Port = Field(default=8081, description="port of the query API")
    agents_port: Port = Field(default=8082, description="port of the senders' health and metrics")
    project_port: Port = Field(default=8083, description="port of the projections' health and metrics")
    public_url: str = Field(default="http://127.0.0.1:8080", description="how Genesys reaches the gateway (media)")
    whatsapp_url: str = Field(default="https://graph.facebook.com", description="base of the WhatsApp Cloud API")
    whatsapp_version: str = Field(default="v24.0", description="version of the Graph API")

    max_body_bytes: Positive = Field(default=4 * 1024 * 1024, description="largest webhook body; beyond, 413")
    media_link_seconds: Positive = Field(default=7 * 24 * 3600, description="how long a media link is valid")
    max_inflight_bytes: Positive = Field(
        default=128 * 1024 * 1024, description="webhook bodies in memory at once; beyond, 503"
    )
    append_timeout: Seconds = Field(
        default=4.0, description="seconds until an append without acknowledgement is answered 503; Genesys waits 10"
    )
    max_media_bytes: Positive = Field(default=100 * 1024 * 1024, description="largest file that is passed on")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="lowest level logged")

    calls_in_flight: Positive = Field(
        default=64, description="calls in flight a sender; also the ambiguous deliveries of one crash"
    )
    places: Positive = Field(default=64, description="deliveries in memory, a destination")
    order_wait: Seconds = Field(
        default=3.0, description="longest wait for WhatsApp to show a message before the thread's next one is sent"
    )
    look_up_wait: Seconds = Field(
        default=30.0, description="how long a status may show that a WhatsApp call without an answer took effect"
    )
    finished_places: Positive = Field(
        default=1024, description="finished deliveries remembered above an unfinished one, a destination"
    )
    outage_notice_after: Seconds = Field(
        default=30.0, description="wait of a message for an unreachable Genesys until its customer gets the notice"
    )
    call_timeout: Seconds = Field(default=10.0, description="seconds until a call without an answer counts as unknown")
    duplicate_window: Seconds = Field(
        default=600.0, description="seconds of the log whose event ids are in memory, or twice as many, 0.4 kB each"
    )
    checkpoint_records: Positive = Field(default=10_000, description="records between two checkpoints of a sender")
    checkpoint_seconds: Seconds = Field(default=60.0, description="seconds between two, when something changed")
    session_timeout: Annotated[float, Field(ge=6)] = Field(
        default=8.0, description="seconds until Kafka gives up a silent sender"
    )
    message_max_age: Seconds = Field(default=7 * 24 * 3600.0, description="older messages expire instead of being sent")
    receipt_max_age: Seconds = Field(default=24 * 3600.0, description="older receipts expire")
    typing_max_age: Seconds = Field(default=20.0, description="older typing indicators are dropped")
    delivery_attempts: Positive = Field(default=12, description="answered attempts until a dead letter")

    batch_records: Positive = Field(default=3000, description="records a projection folds in one transaction")

    verify_every: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="seconds between two verifications of the tables by a projection; 0: never by itself"
    )
    repair: bool = Field(default=False, description="let a verification by schedule rewrite what differs")

    retention_messages_days: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="days that the tables keep messages and their timelines, unless a tenant says; 0: all",
    )
    retention_dead_letters_days: Annotated[int, Field(ge=0)] = Field(
        default=0, description="days that the tables keep dead letters, unless a tenant says; 0: all"
    )

    crash_file: str = Field(
        default="", description="for fault tests: a process that finds its crash point in it kills itself"
    )

    @field_validator("master_key")
    @classmethod
    def _thirty_two_bytes(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text and len(_decoded(text)) != 32:
            raise ValueError("expected 32 bytes in base64")
        return value

    @property
    def master_key_bytes(self) -> bytes:
        """The master key; raises InvalidSettings when it is not set."""
        text = self.master_key.get_secret_value()
        if not text:
            raise InvalidSettings("RELAYLOG_MASTER_KEY: expected 32 bytes in base64, is not set")
        return _decoded(text)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def load_settings() -> Settings:
    """Read the environment once. Raises InvalidSettings naming every bad setting."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"RELAYLOG_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise InvalidSettings("settings are not valid:\n  " + "\n  ".join(lines)) from None
