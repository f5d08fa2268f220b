"""The embedded S3 server: SeaweedFS from its wheel, or the `weed` program on the path."""

import http.client
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from trial import processes
from trial.place import Trouble, is_set, private_folder, var, write_secret
from trial.settings import password

NAME = "seaweedfs"
PORTS = 10
BUCKET = "vault"
REGION = "eu-central-1"


def is_given() -> bool:
    """Say whether the environment names a real object store instead."""
    return any(is_set(name) for name in ("S3_ENDPOINT_URL", "S3_BUCKET", "STORE_DIRECTORY"))


def new_settings() -> dict[str, Any]:
    """Choose the access key and its secret."""
    return {"access_key": password()[:20], "secret_key": password()}


def environment(settings: dict[str, Any]) -> dict[str, str]:
    """Return how to reach the bucket."""
    return {
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{settings['ports'][0]}",
        "S3_ACCESS_KEY": settings["access_key"],
        "S3_SECRET_KEY": settings["secret_key"],
        "S3_BUCKET": BUCKET,
        "S3_REGION": REGION,
    }


def start(settings: dict[str, Any], *, fast: bool) -> None:
    """Start the server, with its bucket."""
    folder = private_folder(var() / "seaweedfs")
    identities = folder / "identities.json"
    credentials = {"accessKey": settings["access_key"], "secretKey": settings["secret_key"]}
    rights = ["Admin", "Read", "Write", "List", "Tagging"]
    vault = {"name": "vault", "credentials": [credentials], "actions": rights}
    write_secret(identities, json.dumps({"identities": [vault]}))
    process = processes.start(
        NAME,
        [_program(), *_flags(settings["ports"], identities)],
        folder=folder,
        environment=os.environ | {"GOMEMLIMIT": "384MiB", "HOME": str(folder)},
    )
    processes.wait_until(partial(_answers, settings["ports"][0]), process)
    processes.wait_until(partial(_keeps_versions, settings["ports"]), process)


def stop() -> bool:
    """Stop the server; return whether it was running."""
    return processes.stop(NAME)


def _flags(ports: list[int], identities: Path) -> list[str]:
    names = ("s3", "master", "filer", "volume", "admin")
    flags = [
        "-logtostderr=true",  # into our log; else it leaves files in /tmp
        "mini",
        "-dir=.",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-bucket={BUCKET}",
        f"-s3.config={identities}",
        "-s3.autoCreateBucket=false",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.localSocket=s3.sock",  # relative: the path of a socket may not be long
        "-filer.localSocket=filer.sock",
        "-volume.preStopSeconds=0",
        "-master.telemetry=false",
        "-admin.ui=false",
        "-webdav=false",
        "-disableHttp",  # its own file port deletes locked objects without asking
    ]
    for name, http_port, grpc_port in zip(names, ports[::2], ports[1::2], strict=True):
        flags += [f"-{name}.port={http_port}", f"-{name}.port.grpc={grpc_port}"]
    return flags


def _keeps_versions(ports: list[int]) -> bool:
    """Turn versioning on, as in production, where erasing must find every version; needs the bucket."""
    master, filer = f"127.0.0.1:{ports[2]}.{ports[3]}", f"127.0.0.1:{ports[4]}.{ports[5]}"
    done = subprocess.run(
        [_program(), "-logtostderr=true", "shell", f"-master={master}", f"-filer={filer}"],
        input=f"s3.bucket.versioning -name {BUCKET} -enable\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    return "set to Enabled" in done.stdout


def _program() -> Path:
    wheel = Path(sys.executable).with_name("weed")
    if wheel.exists():
        return wheel
    installed = shutil.which("weed")
    if installed is None:
        raise Trouble("There is no S3 server: install requirements-trial.txt, or set S3_ENDPOINT_URL.")
    return Path(installed)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("HEAD", f"/{BUCKET}")
        # Refused for want of a signature, so it knows whom it serves.
        return connection.getresponse().status == http.client.FORBIDDEN
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
