"""Genesys Cloud Open Messaging: its webhooks as facts, our messages as its requests (genesys.md)."""
