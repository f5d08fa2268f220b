"""The key management services that the contract tests run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from moto import mock_aws

from recordings import keys as data_keys
from recordings import standing
from tests.kms import honest_moto, openbao
from tests.kms.wire import Wire
from vault import kms
from vault.kms import KeyManagement, keks, masters
from vault.kms.aws import AwsKeys
from vault.kms.keyring import Keyring
from vault.kms.master import MasterFile


@pytest.fixture
def master_file(tmp_path: Path) -> Path:
    return tmp_path / "master"


@pytest.fixture
def keyring_file(tmp_path: Path) -> Path:
    return tmp_path / "keyring"


@pytest.fixture
def keyring(keyring_file: Path, master_file: Path) -> Keyring:
    return Keyring(keyring_file, MasterFile(master_file))


@pytest.fixture(scope="session")
def openbao_namespace() -> Iterator[openbao.Namespace]:
    """Give the run a namespace of its own on the real server, set up with the policies of deploy/openbao."""
    with openbao.a_namespace() as namespace:
        yield namespace


@pytest.fixture
def bao(openbao_namespace: openbao.Namespace) -> openbao.Namespace:
    """Give a test the namespace without a key in it."""
    openbao_namespace.clear()
    return openbao_namespace


@pytest.fixture
def transit(bao: openbao.Namespace) -> openbao.EachByItsDuty:
    return openbao.EachByItsDuty(bao)


@pytest.fixture(scope="session")
def aws_client() -> AwsKeys:
    """Make boto3's client once: reading what AWS can do takes it half a second."""
    with mock_aws():
        return AwsKeys(region="eu-central-1")


@pytest.fixture
def aws(aws_client: AwsKeys) -> Iterator[AwsKeys]:
    """Give AWS as moto plays it, without a key."""
    with mock_aws(), honest_moto.corrected():
        aws_client._newest.clear()
        yield aws_client


@pytest.fixture(params=["keyring", "transit", "aws"])
def keys(request) -> KeyManagement:
    """Give each of the services in turn."""
    found: KeyManagement = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def wire(bao: openbao.Namespace) -> Iterator[Wire]:
    """Give a wire to the server that can be cut."""
    there = urlsplit(bao.address)
    with Wire(there.hostname, there.port) as laid:
        yield laid


@pytest.fixture
def on_openbao(bao: openbao.Namespace, wire: Wire, settings) -> Iterator[openbao.Namespace]:
    """Let the vault keep its keys in OpenBao, at the end of the wire, with the tokens of all five duties."""
    for name, value in (bao.settings() | {"KMS_ADDRESS": wire.address}).items():
        setattr(settings, name, value)
    forget_keys()
    yield bao
    forget_keys()


def forget_keys() -> None:
    """Start as a process does that was just started: with no key in memory."""
    kms.forget_services()
    masters.forget_all()
    keks.forget()
    data_keys._opened.clear()
    standing.forget_all()
