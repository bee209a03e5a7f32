"""Alerts, dashboard and runbooks name what exists: metrics (by Prometheus's grammar), commands, settings, log lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import typer
import yaml
from aiohttp import web
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from agents.metrics import SenderMetrics
from projections.query.app import query_metrics
from projections.query.cache import CacheMetrics
from projections.upkeep.service import UpkeepMetrics
from projections.worker.metrics import WorkerMetrics
from relaylog.cli import app
from streams.directory import TenantDirectory
from streams.gateway.metrics import GatewayMetrics
from streams.health import Health
from streams.http import add_ops_routes, process_registry
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs/runbooks"
PAGES = {page.name: page.read_text() for page in sorted(RUNBOOKS.glob("*.md")) if page.name != "README.md"}
INDEX = (RUNBOOKS / "README.md").read_text()
SOURCES = "\n".join(
    file.read_text() for part in ("agents", "streams", "projections") for file in (ROOT / part).rglob("*.py")
)
COMMANDS = {
    words
    for text in PAGES.values()
    for words in re.findall(r"`relaylog ([a-z-]+(?: [a-z-]+)*(?: [A-Za-z.]+)?(?: --[a-z-]+)*)(?=[ `])", text)
}
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "ops/prometheus-rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "ops/grafana/dashboards/relaylog.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
SECTIONS = ("## You see", "## For customers", "## Do", "## Over when")
#: Labels that Prometheus adds, and its own series.
SCRAPED_LABELS = {"job", "instance", "le"}
SCRAPED = {"up": set[str]()}
#: What would make a series for each conversation, or name a person.
FORBIDDEN_LABELS = {"thread", "conversation", "customer", "subject", "message", "delivery", "phone", "wa_id", "number"}


@cache
def metrics() -> dict[str, set[str]]:
    """Names of all series that the processes serve, each with its labels."""
    registry = process_registry()
    GatewayMetrics(registry)
    SenderMetrics(registry)
    WorkerMetrics(registry)
    query_metrics(registry)
    CacheMetrics(registry)
    UpkeepMetrics(registry)
    TenantDirectory(Settings(master_key=SecretStr("a" * 43 + "=")), registry)
    add_ops_routes(web.Application(), Health(), registry)
    return {name: set(labels) for name, labels in _series(registry)}


def _series(registry: CollectorRegistry) -> Iterator[tuple[str, tuple[str, ...]]]:
    for collector, names in registry._collector_to_names.items():
        for name in names:
            yield name, tuple(getattr(collector, "_labelnames", ()))
    # Those of the process itself have no names before they are collected.
    for family in registry.collect():
        yield from (
            (sample.name, tuple(sample.labels)) for sample in family.samples if sample.name.startswith("process")
        )


def selectors(expression: str) -> Iterator[Any]:
    """Every vector that a query reads, found by Prometheus's own grammar."""

    def walk(node: Any) -> Iterator[Any]:
        if isinstance(node, promql_parser.VectorSelector):
            yield node
        for field in ("lhs", "rhs", "expr", "param", "vector_selector"):
            if (child := getattr(node, field, None)) is not None:
                yield from walk(child)
        for argument in getattr(node, "args", None) or ():
            yield from walk(argument)

    yield from walk(promql_parser.parse(expression))


def own_metrics() -> list[str]:
    return [name for name in metrics() if name.startswith("relaylog_") and not name.endswith("_created")]


def families() -> set[str]:
    """Metrics as one speaks of them: a histogram is one."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in own_metrics()}


def test_no_metric_is_left_out_here() -> None:
    made = re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(relaylog_[a-z_]+)"', SOURCES)
    assert len(made) > 50
    assert {name for name in made if not {name, f"{name}_total"} & families()} == set()


@pytest.mark.parametrize("name", sorted(families()))
def test_names_and_labels_follow_prometheus(name: str) -> None:
    assert re.fullmatch(r"relaylog(_[a-z]+)+", name)
    assert not re.search(r"(milliseconds|_ms|minutes|kilobytes|_kb|count)($|_)", name)
    labels = next(labels for series, labels in metrics().items() if series.startswith(name))
    assert not labels & FORBIDDEN_LABELS


def counters() -> list[str]:
    registry = CollectorRegistry()
    GatewayMetrics(registry)
    SenderMetrics(registry)
    WorkerMetrics(registry)
    return [family.name for family in registry.collect() if family.type == "counter"]


@pytest.mark.parametrize("name", counters())
def test_totals_say_so(name: str) -> None:
    assert f"{name}_total" in metrics()


@pytest.mark.parametrize("expression", [*QUERIES, *(rule["expr"] for rule in RULES)])
def test_what_a_query_reads_exists(expression: str) -> None:
    known, found = metrics() | SCRAPED, list(selectors(expression))
    assert found
    for selector in found:
        assert selector.name in known, f"{selector.name} is no metric"
        matched = {matcher.name for matcher in selector.matchers.matchers}
        assert matched <= known[selector.name] | SCRAPED_LABELS
    grouped = {label.strip() for by in re.findall(r"\bby \(([^)]*)\)", expression) for label in by.split(",")}
    assert grouped <= set.union(*(known[selector.name] for selector in found)) | SCRAPED_LABELS


@pytest.mark.parametrize("name", sorted(families()))
def test_the_dashboard_shows_every_metric(name: str) -> None:
    assert any(name in query for query in QUERIES)


def test_panels_do_not_lie_on_each_other() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_links_to_a_page_that_knows_it(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    page = ROOT / rule["annotations"]["runbook"]
    assert page.parent == RUNBOOKS
    assert f"`{rule['alert']}`" in PAGES[page.name]


def test_alerts_have_names_of_their_own() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_its_sections_and_a_place_in_the_index(page: str) -> None:
    places = [PAGES[page].find(f"\n{section}\n") for section in SECTIONS]
    assert -1 not in places and places == sorted(places)
    assert f"({page})" in INDEX


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page: str) -> None:
    text = PAGES[page]
    for name in re.findall(r"relaylog(?:_[a-z]+)+", text):
        assert name in metrics() or name in families(), f"{name} is no metric"
    for name in re.findall(r"`(Relaylog[A-Za-z]+)`", text):
        assert name in {rule["alert"] for rule in RULES}, f"{name} is no alert"
    for name in re.findall(r"RELAYLOG_[A-Z_]+[A-Z]", text):
        assert name.removeprefix("RELAYLOG_").lower() in Settings.model_fields, f"{name} is no setting"
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (RUNBOOKS / link).resolve().exists(), f"{link} does not exist"
    for line in re.findall(r"log line `([^`]+)`", text):
        assert line in SOURCES, f"nothing logs {line!r}"


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_command_exists(words: str) -> None:
    command: Any = typer.main.get_command(app)
    for word in words.split():
        if word.startswith("--"):
            assert word in {option for parameter in command.params for option in parameter.opts}, f"relaylog {words}"
        elif hasattr(command, "commands"):
            assert word in command.commands, f"relaylog {words}"
            command = command.commands[word]
