"""Who moved which position when: kept by a trigger, so that a stale owner would be caught in the act."""

from __future__ import annotations

from typing import Any

from tests.integration.projections.support import execute, rows

#: Numbers of other generations are used again.
_LIVE = "SELECT topic, partition, epoch, before, after FROM public.moves WHERE generation = 1 ORDER BY n"


async def watch_positions(admin: str) -> None:
    """Keep every move of a position, with whose it was."""
    await execute(
        admin,
        """
        CREATE TABLE public.moves (
            n bigserial, generation int, topic text, partition int, epoch uuid, before bigint, after bigint);
        GRANT ALL ON public.moves, public.moves_n_seq TO PUBLIC;
        CREATE FUNCTION public.note_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.moves (generation, topic, partition, epoch, before, after)
            VALUES (new.generation, new.topic, new.partition, new.epoch, old.next_offset, new.next_offset);
            RETURN NULL; END $$;
        CREATE TRIGGER note_move AFTER UPDATE ON relaylog.position FOR EACH ROW EXECUTE FUNCTION public.note_move();
        """,
    )


async def assert_owned_in_turns(admin: str) -> int:
    """Each partition moved on without a gap or a repetition, and never again under an epoch that was replaced.

    Returns how often a partition changed hands after its first owner.
    """
    owners: dict[tuple[Any, ...], list[Any]] = {}
    reached: dict[tuple[Any, ...], int] = {}
    for *partition, epoch, before, after in await rows(admin, _LIVE):
        where = tuple(partition)
        assert before == reached.get(where, before)
        reached[where] = after
        held = owners.setdefault(where, [])
        if not held or held[-1] != epoch:
            assert epoch not in held, "an owner that was replaced moved a position"
            held.append(epoch)
    return sum(len(held) - 1 for held in owners.values())
