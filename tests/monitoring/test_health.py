"""What the probes answer."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/startup/", "/health/live"])
def test_a_sound_service_is_well(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


@pytest.mark.django_db
def test_without_its_migrations_it_takes_no_requests() -> None:
    for app, name in MigrationExecutor(connection).loader.graph.leaf_nodes("webhooks"):
        MigrationRecorder(connection).record_unapplied(app, name)
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "down"
    assert "manage.py migrate" in answer.json()["checks"]["migrations"]


def test_without_its_database_it_lives_and_is_not_ready() -> None:
    # This test has not asked for a database, so reaching for one fails.
    assert Client().get("/health/live").status_code == 200
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "down"
