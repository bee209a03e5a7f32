"""What retention does to a topic, done at once."""

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from streams.settings import Settings
from streams.topics import topic_name


async def remove_before(settings: Settings, topic: str, offset: int) -> None:
    """Partition 0 begins at ``offset`` from now on."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    removed = {TopicPartition(topic_name(settings, topic), 0): RecordsToDelete(before_offset=offset)}
    await admin.delete_records(removed)
    await admin.close()
