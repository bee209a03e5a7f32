"""Who may call: the bearer token of the business number (whatsapp.md 5.2)."""

from __future__ import annotations

from aiohttp import web

from simulators.config import SimulatedTenant
from simulators.tenants import Tenants
from simulators.whatsapp.manner import refusal


def caller_of(request: web.Request, tenants: Tenants) -> SimulatedTenant:
    """The tenant whose access token the call carries. Raises `Refusal` 190."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    tenant = tenants.of_access_token(token) if scheme.lower() == "bearer" else None
    if tenant is None:
        raise refusal(190, "The access token could not be decrypted, has expired or is missing.")
    return tenant


def number_of(request: web.Request, tenants: Tenants) -> SimulatedTenant:
    """The tenant of the number in the URL, which the token must be allowed to use. Raises `Refusal` 190, 100 or 10."""
    caller = caller_of(request, tenants)
    phone_number_id = request.match_info["phone_number_id"]
    owner = tenants.of_number(phone_number_id)
    if owner is None:
        raise refusal(100, f"Object with ID '{phone_number_id}' does not exist.")
    if owner.whatsapp.access_token != caller.whatsapp.access_token:
        raise refusal(10, f"The access token has no permission for the number {phone_number_id}.")
    return owner
