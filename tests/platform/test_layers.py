"""The layers of `pyproject.toml` name every part of the project, so nothing escapes them."""

import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_every_part_stands_in_one_layer():
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    named = [part.strip(" ()") for layer in layers for part in layer.split("|")]

    parts = {path.stem for path in (CHECKOUT / "vault").iterdir() if is_module(path)} - {"__init__"}
    wanted = {f"vault.{part}" for part in parts} | {"audit", "recordings", "retention", "privacy"}

    assert len(named) == len(set(named))
    assert set(named) == wanted


def is_module(path: Path) -> bool:
    """Say whether Python would import this."""
    return path.suffix == ".py" or (path / "__init__.py").exists()
