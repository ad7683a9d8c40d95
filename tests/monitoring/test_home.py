"""The first page, and that no page reaches outside."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
KEY = "bk_demo_a-key-of-the-demo"
DEMO = {
    "base_url": "http://127.0.0.1:8000",
    "sandbox_url": "http://127.0.0.1:8001",
    "providers": {"paytabs": "http://127.0.0.1:8002"},
    "api_key": KEY,
    "operator": {"username": "operator", "password": "operators-password"},
}


@pytest.fixture
def demo(settings: Any, tmp_path: Path) -> Path:
    settings.DEBUG, settings.VAR = True, tmp_path
    settings.PUBLIC_URL = DEMO["base_url"]
    file = tmp_path / "demo.json"
    file.write_text(json.dumps(DEMO))
    return file


def page(**headers: str) -> str:
    answer = Client(headers=headers).get("/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_in_the_demo_it_walks_through_a_first_payment(demo: Path) -> None:
    shown = page()
    assert KEY in shown
    assert "http://127.0.0.1:8001/control/paytabs/payments/$REF/approve" in shown
    assert "first-payment.js" in shown
    assert "operators-password" not in shown


def test_without_the_demo_it_says_what_runs_here_and_shows_no_key(
    settings: Any, tmp_path: Path
) -> None:
    settings.DEBUG, settings.VAR = True, tmp_path
    shown = page()
    assert "payment service" in shown
    assert "/admin/" in shown
    assert "bk_" not in shown


def test_in_production_a_forgotten_file_shows_no_key(demo: Path, settings: Any) -> None:
    settings.DEBUG = False
    assert KEY not in page()


def test_the_file_of_another_demo_shows_no_key(demo: Path, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:9999"
    assert KEY not in page()


def test_it_is_only_for_reading() -> None:
    assert Client().head("/").status_code == 200
    assert Client().post("/").status_code == 405


def test_it_lets_nothing_inline_run(demo: Path) -> None:
    answer = Client().get("/")
    assert "unsafe-inline" not in answer["Content-Security-Policy"]
    shown = answer.content.decode()
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", shown)


@pytest.mark.parametrize(
    "file",
    [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static").iterdir()],
    ids=lambda file: file.name,
)
def test_no_page_loads_anything_from_outside(file: Path) -> None:
    text = file.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "//" not in re.sub(r"(?m)^\s*//.*$|{{.*?}}//?", "", text)


def test_an_unknown_page_is_told_in_words_to_people() -> None:
    answer = Client(headers={"Accept": "text/html"}).get("/nowhere")
    assert answer.status_code == 404
    assert "There is nothing at /nowhere." in answer.content.decode()
