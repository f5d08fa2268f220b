"""What the style sheets promise: contrast, one dark theme written twice alike, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "vault" / "web"
TOKENS = (WEB / "static" / "vault" / "tokens.css").read_text()
STYLES = (WEB / "static" / "vault" / "app.css").read_text()
STATES = ("given", "refused", "withdrawn", "held", "restricted", "quarantined", "due", "erased")


def declarations(block: str) -> dict[str, str]:
    without_comments = re.sub(r"/\*.*?\*/", "", block, flags=re.DOTALL)
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", without_comments))


def block_of(selector: str) -> str:
    start = TOKENS.index("{", TOKENS.index(selector)) + 1
    return TOKENS[start : TOKENS.index("}", start)]


LIGHT = declarations(block_of("\n:root {"))
DARK = LIGHT | declarations(block_of('\n[data-bs-theme="dark"] {'))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(theme: dict[str, str], ink: str, ground: str) -> float:
    light, dark = sorted((luminance(theme[f"--{ink}"]), luminance(theme[f"--{ground}"])), reverse=True)
    return (light + 0.05) / (dark + 0.05)


themes = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])


def test_the_two_dark_blocks_are_equal():
    by_system = TOKENS[TOKENS.index(":root:not([data-bs-theme])") :]
    by_system = by_system[by_system.index("{") + 1 : by_system.index("}")]

    assert declarations(by_system) == declarations(block_of('\n[data-bs-theme="dark"] {'))


@themes
@pytest.mark.parametrize("side", ["agent", "caller"])
def test_both_steps_of_a_wave_stand_out_from_their_lane_and_from_each_other(theme, side):
    assert contrast(theme, f"{side}-rest", f"{side}-tint") >= 3
    assert contrast(theme, side, f"{side}-tint") >= 4.5
    assert contrast(theme, side, f"{side}-rest") >= 2


@themes
@pytest.mark.parametrize("state", STATES)
def test_each_state_can_be_read_on_its_tint_and_on_a_panel(theme, state):
    assert contrast(theme, state, f"{state}-tint") >= 4.5
    assert contrast(theme, state, "surface") >= 4.5


@themes
@pytest.mark.parametrize("ground", ["canvas", "surface", "sunken", "hover"])
@pytest.mark.parametrize("ink", ["ink", "ink-2", "ink-3"])
def test_every_ink_can_be_read_on_every_ground(theme, ink, ground):
    assert contrast(theme, ink, ground) >= 4.5


@themes
@pytest.mark.parametrize(
    ("mark", "ground", "least"),
    [
        ("accent", "surface", 4.5),
        ("accent", "canvas", 4.5),
        ("accent", "accent-tint", 4.5),
        ("on-accent", "accent", 4.5),
        ("on-overdue", "overdue-fill", 4.5),
        ("line-strong", "surface", 3),
        ("line-strong", "canvas", 3),
        ("bar-ink", "bar", 4.5),
        ("bar-ink-2", "bar", 4.5),
        ("bar-line", "bar", 3),
        ("bar-focus", "bar", 3),
        ("focus-outer", "surface", 3),
        ("focus-outer", "canvas", 3),
        ("heard", "unheard", 3),
    ],
)
def test_what_can_be_pressed_or_has_focus_stands_out(theme, mark, ground, least):
    assert contrast(theme, mark, ground) >= least


def test_components_name_tokens_and_define_none_that_they_do_not_use():
    known = declarations(TOKENS).keys() | declarations(STYLES).keys()
    used = set(re.findall(r"var\((--[\w-]+)", STYLES))

    assert used <= known


def test_style_sheets_fetch_nothing():
    for sheet in (TOKENS, STYLES):
        assert "url(" not in sheet
        assert "@import" not in sheet


def test_vendored_files_are_the_ones_that_the_list_names():
    vendor = WEB / "static" / "vendor"
    lines = re.findall(r"^([0-9a-f]{64})  (\S+)$", (vendor / "README.md").read_text(), flags=re.MULTILINE)
    listed = {name: digest for digest, name in lines}

    present = {path.name for path in vendor.iterdir() if path.is_file() and path.suffix != ".md"}

    assert present == listed.keys()
    for name, digest in listed.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest, name
