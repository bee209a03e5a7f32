"""WhatsApp Cloud API: its webhooks as facts, our messages as its requests (whatsapp.md)."""
