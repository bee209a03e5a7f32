"""Who may import whom, where the big libraries may appear, and that importing does no work (DESIGN: four folders)."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Our own packages that each folder may import, itself always included.
MAY_IMPORT = {
    "schemas": set[str](),
    "streams": {"schemas"},
    "agents": {"schemas", "streams"},
    "projections": {"schemas", "streams"},
    "simulators": set[str](),
}
OURS = {*MAY_IMPORT, "relaylog", "tests", "bench"}
#: A library and the one of our folders that may use it; the command, tests and figures are free.
HOME_OF = {"faust": "agents", "mode": "agents", "aiokafka": "streams", "psycopg": "projections", "redis": "projections"}
FOUR_FOLDERS = ("schemas", "streams", "agents", "projections")
#: Calls that read a clock, chance, the environment or a file.
IMPURE_CALLS = {
    *("open", "datetime.now", "datetime.datetime.now", "datetime.utcnow", "date.today", "datetime.date.today"),
    *("time.time", "time.monotonic", "time.perf_counter", "time.sleep", "uuid4", "uuid.uuid4", "uuid1", "uuid.uuid1"),
    *("os.getenv", "getenv", "os.environ.get", "environ.get", "os.urandom", "input", "print"),
}
IMPURE_ROOTS = {"random", "secrets"}
IMPURE_MODULES_IN_SCHEMAS = {"random", "secrets", "socket", "subprocess", "asyncio", "aiohttp", "httpx", "requests"}
TOP_LEVEL = {
    *("schemas", "streams", "agents", "projections", "relaylog", "simulators"),
    *("ops", "bench", "tests", "docs", ".ci", ".gitignore", "Makefile", "pyproject.toml"),
    *("requirements.lock", "requirements-dev.lock", "docker-compose.kafka.yml", "README.md", "CHANGELOG.md"),
}


def modules(folder: str) -> list[Path]:
    """All modules of a folder; a folder that is not there yet has none."""
    return sorted((ROOT / folder).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of all absolute imports, wherever in the module they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def forbidden_imports(folder: str, source: str) -> list[str]:
    """The imports in a module of `folder` that break a rule."""
    tops = {name.partition(".")[0] for name in imports(ast.parse(source))}
    wrong = (tops & OURS) - MAY_IMPORT[folder] - {folder}
    wrong |= {library for library in tops & set(HOME_OF) if HOME_OF[library] != folder}
    if folder == "schemas":
        wrong |= tops & IMPURE_MODULES_IN_SCHEMAS
    return sorted(wrong)


def executed_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes under `node` that run when the module is imported: not the bodies of functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for now in (*child.decorator_list, *child.args.defaults, *filter(None, child.args.kw_defaults)):
                yield now
                yield from executed_at_import(now)
        elif not isinstance(child, ast.Lambda):
            yield child
            yield from executed_at_import(child)


def work_at_import(source: str, everywhere: bool = False) -> list[str]:
    """Impure calls and reads of the environment that run on import; `everywhere`: at any time."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree) if everywhere else executed_at_import(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in IMPURE_CALLS or name.partition(".")[0] in IMPURE_ROOTS:
                found.append(f"line {node.lineno}: {name}()")
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in {"os.environ", "environ"}:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_point_downwards(folder: str) -> None:
    found = {path: forbidden_imports(folder, path.read_text()) for path in modules(folder)}
    assert {str(path.relative_to(ROOT)): names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("folder", FOUR_FOLDERS)
def test_importing_does_no_work(folder: str) -> None:
    found = {path: work_at_import(path.read_text(), everywhere=folder == "schemas") for path in modules(folder)}
    assert {str(path.relative_to(ROOT)): calls for path, calls in found.items() if calls} == {}


def test_top_level_holds_only_what_the_design_names() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.partition("/")[0] for line in listed.splitlines()} - TOP_LEVEL == set()
    assert set(FOUR_FOLDERS) <= {path.name for path in ROOT.iterdir()}


@pytest.mark.parametrize(
    ("folder", "source", "wrong"),
    [
        ("schemas", "import streams.log", ["streams"]),
        ("schemas", "def f():\n    from asyncio import sleep", ["asyncio"]),
        ("streams", "from schemas import envelope\nimport aiokafka, faust", ["faust"]),
        (
            "agents",
            "import faust\nfrom projections.store import Store\nimport aiokafka.errors",
            ["aiokafka", "projections"],
        ),
        ("projections", "import psycopg, redis.asyncio\nfrom relaylog import cli", ["relaylog"]),
        ("simulators", "from schemas import events", ["schemas"]),
        ("agents", "from . import lanes\nfrom agents.app import App\nfrom streams import log", []),
    ],
)
def test_the_import_rules_can_fail(folder: str, source: str, wrong: list[str]) -> None:
    assert forbidden_imports(folder, source) == wrong


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import os\nKEY = os.environ['KEY']", ["line 2: os.environ['KEY']"]),
        ("class A:\n    at = datetime.now()", ["line 2: datetime.now()"]),
        ("def f(at=time.time()): ...", ["line 1: time.time()"]),
        ("def f():\n    return time.time()\ng = lambda: uuid4()", []),
        ("A = field(default_factory=uuid4)\nB = tuple(random.sample(x, 2))", ["line 2: random.sample()"]),
    ],
)
def test_the_rule_on_import_time_can_fail(source: str, lines: list[str]) -> None:
    assert work_at_import(source) == lines
