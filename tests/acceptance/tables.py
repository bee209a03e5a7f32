"""The one thing that tests do to the tables from behind."""

from __future__ import annotations

import psycopg
from psycopg import sql


def alter_text(postgres: str, message: str, text: str) -> None:
    """Change a message's row without the knowledge of its projection."""
    with psycopg.connect(postgres) as connection:
        live = connection.execute("SELECT schema_name FROM relaylog.generation WHERE state = 'live'").fetchone()
        assert live is not None
        update = sql.SQL("UPDATE {}.message SET text = %s WHERE message_id = %s").format(sql.Identifier(live[0]))
        assert connection.execute(update, (text, message)).rowcount == 1
