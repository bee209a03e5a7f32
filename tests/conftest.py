"""The seed of the run, and servers that tests share: each started at its first use and stopped at the session's end."""

import asyncio
import secrets
import shutil
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import psycopg
import pytest
from psycopg import sql

from relaylog.embedded.kafka import EmbeddedKafka
from relaylog.embedded.ports import free_ports
from relaylog.embedded.postgres import EmbeddedPostgres
from relaylog.embedded.server import EmbeddedServer
from relaylog.embedded.valkey import EmbeddedValkey
from relaylog.supervisor import Supervisor, child_of
from tests.seed import NAME, choose_seed, chosen_seed

T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=600, help="seeds of the simulation, at least (default: %(default)s)")


def pytest_configure() -> None:
    choose_seed()


def pytest_report_header() -> str:
    return f"{NAME}={chosen_seed()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests recorded as properties, those that passed too: losses that are allowed, the seeds that ran."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    for report in reports:
        for name, value in report.user_properties:
            terminalreporter.section(f"{name} ({report.nodeid})")
            terminalreporter.write_line(str(value))


class Database(NamedTuple):
    """A database of one test; only `superuser_address` may pass by row-level security."""

    address: str
    query_address: str
    superuser_address: str


class ServerThread:
    """A supervisor on an event loop of its own, since those of the tests come and go."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="servers", daemon=True)
        self._thread.start()
        self.supervisor = Supervisor(print, lambda _pids: None)

    def run(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def start(self, server: EmbeddedServer) -> None:
        server.prepare(print)
        self.run(self.supervisor.start(child_of(server, self.data / "logs")))

    def close(self) -> None:
        self.run(self.supervisor.stop_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="session")
def server_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    data = tmp_path_factory.mktemp("servers")
    thread = ServerThread(data)
    yield thread
    thread.close()
    shutil.rmtree(data)


@pytest.fixture(scope="session")
def kafka_address(server_thread: ServerThread) -> str:
    """`host:port` of a broker shared by the session: name topics with `topic_prefix`."""
    server = EmbeddedKafka(server_thread.data, *free_ports(2))
    server_thread.start(server)
    return server.address


@pytest.fixture(scope="session")
def postgres_server(server_thread: ServerThread) -> EmbeddedPostgres:
    """A cluster shared by the session; roles are the cluster's, so a migration finds those of the one before."""
    server = EmbeddedPostgres(server_thread.data, *free_ports(1))
    server_thread.start(server)
    server_thread.run(server.provision())
    return server


@pytest.fixture(scope="session")
def redis_address(server_thread: ServerThread) -> str:
    """A server shared by the session: keys need a prefix of the test's own."""
    server = EmbeddedValkey(server_thread.data, *free_ports(1))
    server_thread.start(server)
    return server.address


@pytest.fixture
def postgres_database(postgres_server: EmbeddedPostgres) -> Iterator[Database]:
    """An empty database, owned by relaylog and open to relaylog_api; dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server.superuser_address, autocommit=True) as connection:
        for statement in postgres_server.new_database(name):
            connection.execute(statement)
        yield Database(
            postgres_server.address_of("relaylog", name),
            postgres_server.address_of("relaylog_api", name),
            postgres_server.address_of("postgres", name),
        )
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def topic_prefix() -> str:
    """For the topics and groups of one test."""
    return f"test-{secrets.token_hex(4)}."
