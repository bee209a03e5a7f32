"""The description of the query API: OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from projections.query import figures, models

_REFERENCE = "#/components/schemas/{model}"
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
_GENESYS_ID = {"name": "genesys_conversation_id", "in": "path", "required": True, "schema": {"type": "string"}}
_LIMIT = {
    "name": "limit",
    "in": "query",
    "description": "Items a page.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
}
_CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "The `next` of an earlier page.",
    "schema": {"type": "string"},
}
_TENANT = {
    "name": "tenant",
    "in": "query",
    "description": "For the operator: one tenant.",
    "schema": {"type": "string"},
}
_INSTANT = {"in": "query", "schema": {"type": "string", "format": "date-time"}}
_AS_OF = {"name": "as_of", "description": "As it was at that instant, by what is known now.", **_INSTANT}
_BETWEEN = (
    {"name": "from", "required": True, "description": "After this instant.", **_INSTANT},
    {"name": "to", "required": True, "description": "Up to this instant.", **_INSTANT},
)
_STATE = {
    "name": "state",
    "in": "query",
    "description": "Only those in this state.",
    "schema": {"type": "string", "enum": ["active", "waiting", "closed", "error"]},
}
_OF_CUSTOMER = {
    "name": "customer_id",
    "in": "query",
    "description": "Only those of this person, by any of the person's ids.",
    "schema": {"type": "string", "format": "uuid"},
}
_VERSION = (
    {
        "name": "If-Match",
        "in": "header",
        "description": "ETag of the version that is replaced.",
        "schema": {"type": "string"},
    },
    {
        "name": "If-None-Match",
        "in": "header",
        "description": "`*` for the first version.",
        "schema": {"type": "string"},
    },
)
_KNOWN = ("phone", "wa_id", "user_id")
_MAPPED = ("whatsapp_message_id", "genesys_message_id", "genesys_conversation_id", "wa_id")

_SPAN: tuple[dict[str, Any], ...] = (
    *(
        {
            "name": name,
            "in": "query",
            "required": True,
            "description": f"A full hour: {words}. At most 366 days.",
            "schema": {"type": "string", "format": "date-time"},
        }
        for name, words in (("since", "from here on"), ("until", "up to here, exclusive"))
    ),
    {
        "name": "by",
        "in": "query",
        "description": "What a period is; UTC.",
        "schema": {"type": "string", "enum": ["hour", "day", "total"], "default": "hour"},
    },
    {"name": "channel", "in": "query", "description": "Only this channel.", "schema": {"type": "string"}},
)
_ANALYTICS = {
    "messages": ("Messages, how far they came, and why they failed", "MessageFigures"),
    "sessions": ("Sessions: first responses, waiting and resolution", "SessionFigures"),
    "agents": ("Agents and bots: what they took and for how long", "AgentFigures"),
    "queues": ("Waits in queues", "QueueFigures"),
    "customers": ("Customers who wrote: new and returning", "CustomerFigures"),
    "opt-outs": ("Opt-outs by category", "OptOutFigures"),
}


def document() -> dict[str, Any]:
    """The whole document."""
    shown: list[type[models.Resource]] = [
        models.Message,
        models.Conversation,
        models.TimelineEntry,
        models.HistoryEntry,
        models.Changes,
        models.Customer,
        models.Context,
        models.AgentContext,
        models.Mapping,
        models.DeadLetter,
        models.Problem,
        figures.MessageFigures,
        figures.SessionFigures,
        figures.AgentFigures,
        figures.QueueFigures,
        figures.CustomerFigures,
        figures.OptOutFigures,
        figures.Totals,
    ]
    _, schemas = models_json_schema([(model, "serialization") for model in shown], ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "relaylog queries",
            "version": "1",
            "description": "State of conversations between WhatsApp and Genesys Cloud, folded from the log.",
        },
        "paths": _paths(),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _paths() -> dict[str, Any]:
    page = [_LIMIT, _CURSOR]
    return {
        "/v1/conversations": _get(
            "Conversations, the latest activity first", _page("Conversation"), _STATE, _OF_CUSTOMER, *page
        ),
        "/v1/conversations/{id}": _get("A conversation", _schema("Conversation"), _ID, _AS_OF),
        "/v1/conversations/{id}/history": _get("Its states, and what else happened", _page("HistoryEntry"), _ID),
        "/v1/conversations/{id}/changes": _get("What changed in it", _schema("Changes"), _ID, *_BETWEEN),
        "/v1/conversations/{id}/messages": _get("Its messages, the oldest first", _page("Message"), _ID, *page),
        "/v1/messages/{id}": _get("A message", _schema("Message"), _ID, _AS_OF),
        "/v1/messages/{id}/changes": _get("What changed in it", _schema("Changes"), _ID, *_BETWEEN),
        "/v1/messages/{id}/timeline": _get("Everything that touched the message", _page("TimelineEntry"), _ID),
        "/v1/customers": _get("Customers by one of their names", _page("Customer"), *_names(_KNOWN), _LIMIT),
        "/v1/customers/{id}": _get("A customer, also by an id that was merged", _schema("Customer"), _ID),
        "/v1/customers/{id}/context": {
            **_get("What services know of a customer", _schema("Context"), _ID),
            **_put("Write it with a version check", {"type": "object"}, _schema("Context"), _ID, *_VERSION),
        },
        "/v1/contexts/{genesys_conversation_id}": _get(
            "All that an agent's desk shows about a Genesys conversation", _schema("AgentContext"), _GENESYS_ID
        ),
        "/v1/mappings": _get("Ids that belong together", _page("Mapping"), *_names(_MAPPED), _LIMIT),
        **{
            f"/v1/analytics/{name}": _get(summary, _page(model), *_SPAN)
            for name, (summary, model) in _ANALYTICS.items()
        },
        "/v1/analytics/totals": _get("All tenants of the caller as one", _schema("Totals"), *_SPAN[:2], _SPAN[3]),
        "/v1/dead-letters": _get("What could not be used, the latest first", _page("DeadLetter"), *page),
    }


def _names(names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "description": "Exactly one of these.", "schema": {"type": "string"}}
        for name in names
    ]


def _get(summary: str, schema: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    problems = {"400": "Bad parameter", "401": "No valid key", "404": "Not there", "503": "Try again"}
    return {"get": _operation(summary, schema, problems, *parameters)}


def _put(summary: str, body: dict[str, Any], schema: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    problems = {
        "202": "In the log, and not shown yet",
        "400": "Bad parameter or body",
        "401": "No valid key",
        "403": "The key may not write",
        "404": "Not there",
        "412": "Another version stands",
        "503": "Try again",
    }
    content = {"required": True, "content": {"application/json": {"schema": body}}}
    return {"put": _operation(summary, schema, problems, *parameters) | {"requestBody": content}}


def _operation(
    summary: str, schema: dict[str, Any], problems: dict[str, str], *parameters: dict[str, Any]
) -> dict[str, Any]:
    trouble = {"application/problem+json": {"schema": _schema("Problem")}}
    return {
        "summary": summary,
        "parameters": [*parameters, _TENANT],
        "responses": {
            "200": {"description": "Found", "content": {"application/json": {"schema": schema}}},
            **{status: {"description": words, "content": trouble} for status, words in problems.items()},
        },
    }


def _schema(name: str) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=name)}


def _page(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": _schema(name)},
            "next": {"type": ["string", "null"]},
        },
    }
