"""A topic that no broker answers for."""

from streams.log import LogUnavailable, PartitionReader


def unreadable(topic: str) -> type[PartitionReader]:
    """Readers like ours, of which those of ``topic`` never get an answer."""

    class Unreadable(PartitionReader):
        async def end_offset(self) -> int:
            if self.topic == topic:
                raise LogUnavailable(f"{topic}: no leader")
            return await super().end_offset()

    return Unreadable
