"""The table of settings, in the README and with current values."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from relaylog.settings_table import MASK, current_lines, described, masked, readme_table
from streams.settings import Settings

README = Path(__file__).parents[3] / "README.md"


def test_every_setting_says_what_it_means() -> None:
    rows = list(described())
    assert len(rows) == len(Settings.model_fields)
    assert not [name for name, _, meaning in rows if not meaning]


def test_the_readme_has_the_table_as_it_is() -> None:
    assert readme_table() in README.read_text(), "make it again: relaylog settings --markdown"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (SecretStr("deep"), MASK),
        (SecretStr(""), ""),
        ("postgresql://relaylog:pa55@db:5432/relaylog", f"postgresql://relaylog:{MASK}@db:5432/relaylog"),
        ("redis://:pa55@cache:6379/0", f"redis://:{MASK}@cache:6379/0"),
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("one:9092,two:9092", "one:9092,two:9092"),
        (8080, "8080"),
    ],
)
def test_what_is_secret_is_masked(value: object, shown: str) -> None:
    assert masked(value) == shown


def test_current_values_stand_beside_defaults_and_hide_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYLOG_KAFKA", "broker:9092")
    monkeypatch.setenv("RELAYLOG_OPERATOR_KEY", "deep-secret")
    text = "\n".join(current_lines(Settings()))
    assert "RELAYLOG_KAFKA=broker:9092   (default: 127.0.0.1:9092)" in text
    assert f"RELAYLOG_OPERATOR_KEY={MASK}" in text
    assert "deep-secret" not in text
