"""The WhatsApp Cloud API simulator: sends, statuses, media and webhooks as whatsapp.md describes them."""
