"""What every template keeps to: the content policy, icons that exist, words that can be translated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template import engines

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(
    path
    for app in ("vault", "audit", "recordings", "retention", "privacy")
    for path in (ROOT / app).glob("**/templates/**/*.html")
)
SCRIPTS = sorted(
    path
    for app in ("vault/web", "recordings")
    for path in (ROOT / app / "static").glob("**/*.js")
    if "vendor" not in path.parts
)
ICONS = set(re.findall(r'symbol id="([^"]+)"', (ROOT / "vault/web/static/vault/icons.svg").read_text()))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


templates = pytest.mark.parametrize("path", TEMPLATES, ids=name_of)


@templates
def test_a_template_compiles(path):
    engines["django"].from_string(path.read_text())


@templates
def test_a_template_holds_nothing_that_the_content_policy_refuses(path):
    text = path.read_text()

    assert not re.search(r"\sstyle=", text), "inline style"
    assert not re.search(r"\son[a-z]+=", text), "inline handler"
    assert not re.search(r"<style\b", text), "inline style sheet"
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "inline script"
    assert not re.search(r"javascript:", text)


@templates
def test_a_template_asks_no_other_host_for_anything(path):
    addresses = re.findall(r"""(?:src|href|action)=["'](https?:|//)""", path.read_text())

    assert not addresses


@templates
def test_a_templates_icons_are_in_the_sprite(path):
    text = path.read_text()
    named = set(re.findall(r'{% icon "([\w-]+)" %}', text)) | set(re.findall(r'icon="([\w-]+)"', text))

    assert named <= ICONS


def test_every_tone_has_an_icon_of_the_sprite():
    from vault.web.templatetags.vault import TONES

    assert {symbol for _css, symbol in TONES.values()} <= ICONS


@templates
def test_every_word_of_a_template_can_be_translated(path):
    text = path.read_text()
    text = re.sub(r"{%\s*blocktranslate\b.*?{%\s*endblocktranslate\s*%}", "", text, flags=re.DOTALL)
    text = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "", text, flags=re.DOTALL)
    text = re.sub(r"<svg\b.*?</svg>|<kbd>.*?</kbd>|<!doctype[^>]*>|<meta[^>]*>", "", text, flags=re.DOTALL)
    spoken = " ".join(re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', text))
    words = re.sub(r"<[^>]*>", " ", text) + spoken

    left = [word for word in re.findall(r"[^\W\d_]{2,}", words) if word not in UNTRANSLATED]

    assert not left


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_a_module_neither_evaluates_text_nor_calls_elsewhere(path):
    text = path.read_text()

    assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write", text)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


# Proper names, units and what stands for itself.
UNTRANSLATED = {"nbsp", "CSV", "JSON", "PDF"}
