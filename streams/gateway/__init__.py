"""The gateway: all that comes in, checked, translated and appended before it is acknowledged."""

from streams.gateway.service import serve

__all__ = ["serve"]
