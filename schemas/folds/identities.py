"""Ids of rows, remembered: most facts are about a few threads."""

from __future__ import annotations

from functools import lru_cache

from schemas.ids import conversation_id, customer_id

#: From the tenant and the thread's pseudonym.
conversation_of = lru_cache(maxsize=65536)(conversation_id)
#: From the tenant and the customer's pseudonym.
customer_of = lru_cache(maxsize=65536)(customer_id)
