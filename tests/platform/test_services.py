"""bin/services: real servers under a folder of their own, found again, and stopped without harm to others."""

import json
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
import urllib3

SERVICES = Path(__file__).resolve().parents[2] / "bin" / "services"
GIVEN = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_SEQUENCER_URL",
    "REDIS_URL",
    "S3_ENDPOINT_URL",
    "S3_BUCKET",
    "KMS_ADDRESS",
)


def services(folder: Path, *words: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run bin/services on servers of this test's own."""
    inherited = {name: value for name, value in os.environ.items() if name not in GIVEN}
    return subprocess.run(
        [sys.executable, SERVICES, *words],
        env=inherited | {"VAULT_VAR": str(folder)} | given,
        capture_output=True,
        text=True,
    )


def settings_of(folder: Path) -> dict[str, str]:
    """Return what bin/services env prints."""
    lines = services(folder, "env").stdout.splitlines()
    return dict(shlex.split(line)[1].split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run servers in a folder whose name an unquoted path would not survive."""
    folder = tmp_path_factory.mktemp("state") / "a 'quoted' folder"
    started = services(folder, "up", "--fast")
    assert started.returncode == 0, started.stderr
    yield folder
    services(folder, "down")


def test_the_servers_answer_at_the_addresses_it_prints(running):
    settings = settings_of(running)

    with psycopg.connect(settings["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("vault_app",)
    with redis.Redis.from_url(settings["REDIS_URL"]) as valkey:
        assert valkey.ping()
    pool = urllib3.PoolManager(ca_certs=settings["KMS_CA_BUNDLE"])
    token = {"X-Vault-Token": settings["KMS_TOKEN_ROTATION"]}
    keys = pool.request("GET", f"{settings['KMS_ADDRESS']}/v1/transit/keys/audio-open", headers=token)
    assert keys.json() == {"errors": []}  # it may ask, and there is none yet
    assert services(running, "status").returncode == 0


def test_no_account_of_the_vault_is_a_superuser(running):
    with psycopg.connect(settings_of(running)["DATABASE_OWNER_URL"]) as connection:
        powers = connection.execute(
            "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication FROM pg_roles"
            " WHERE rolname LIKE 'vault%' AND rolname <> 'vault_admin' ORDER BY rolname"
        ).fetchall()

    assert powers == [
        ("vault_app", False, False, False, False, False),
        ("vault_owner", False, False, True, False, False),
        ("vault_sequencer", False, False, False, False, False),
    ]


def test_a_wrong_password_opens_nothing(running):
    settings = settings_of(running)

    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(_with_password("guess", settings["DATABASE_URL"]))
    with (
        redis.Redis.from_url(_with_password("guess", settings["REDIS_URL"])) as valkey,
        pytest.raises(redis.AuthenticationError),
    ):
        valkey.ping()


def test_up_is_harmless_when_all_is_up(running):
    before = services(running, "status").stdout

    again = services(running, "up", "--fast")

    assert (again.returncode, again.stdout) == (0, "")
    assert services(running, "status").stdout == before


def test_nobody_else_may_read_the_state(running):
    assert stat.S_IMODE(running.stat().st_mode) == 0o700
    assert stat.S_IMODE((running / "settings.json").stat().st_mode) == 0o600


def test_ports_passwords_and_data_outlive_a_stop(tmp_path):
    services(tmp_path, "up", "--fast")
    before = settings_of(tmp_path)
    with psycopg.connect(before["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE kept ()")
    services(tmp_path, "down")

    services(tmp_path, "up", "--fast")

    assert settings_of(tmp_path) == before
    with psycopg.connect(before["DATABASE_OWNER_URL"]) as connection:
        connection.execute("SELECT FROM kept")
    services(tmp_path, "down")
    assert services(tmp_path, "status").returncode == 1


def test_a_number_used_again_by_another_process_is_left_alone(tmp_path):
    folder = tmp_path / "processes"
    folder.mkdir()
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    record = {"name": "valkey", "pid": stranger.pid, "started": "another boot:1"}
    (folder / "valkey.json").write_text(json.dumps(record))

    stopped = services(tmp_path, "down")

    assert "valkey was not running" in stopped.stdout
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_server_in_the_environment_is_used_as_it_is(tmp_path):
    given = {
        "REDIS_URL": "redis://redis.example/0",
        "S3_BUCKET": "calls",
        "KMS_ADDRESS": "https://openbao.example:8200",
    } | dict.fromkeys(GIVEN[:3], "postgresql://db.example/vault")

    services(tmp_path, "up", **given)
    status = services(tmp_path, "status", **given)
    printed = services(tmp_path, "env", **given)

    assert status.returncode == 0
    assert status.stdout.count("given by the environment") == 4
    assert not any(f"export {name}=" in printed.stdout for name in given)


def test_an_own_database_with_one_account_is_refused_in_one_sentence(tmp_path):
    refused = services(tmp_path, "up", DATABASE_URL="postgresql://db.example/vault")

    assert refused.returncode == 1
    assert refused.stderr.strip() == (
        "services: An own PostgreSQL needs all three accounts; "
        "DATABASE_OWNER_URL and DATABASE_SEQUENCER_URL is not set."
    )


def _with_password(password: str, address: str) -> str:
    account, _, server = address.rpartition("@")
    return f"{account.rpartition(':')[0]}:{password}@{server}"
