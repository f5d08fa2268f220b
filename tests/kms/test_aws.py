"""AWS KMS beyond the contract. What moto cannot show stands at the top of tests/kms/honest_moto.py."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

import pytest
from botocore.stub import Stubber

from vault import storage
from vault.kms import (
    DutyNotGiven,
    KeyManagementUnavailable,
    KeyMissing,
    UnwrapRefused,
    WrappedKey,
)
from vault.kms.aws import AwsKeys
from vault.places import Place

NAME = "audio-2027-02"
CONTEXT = b"callvault/v1\0 one recording"
KEY = os.urandom(32)


@pytest.fixture
def credentials(monkeypatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


def test_each_version_is_a_key_of_aws_with_an_alias_of_its_own(aws):
    aws.ensure_key(NAME)
    aws.rotate(NAME)

    aliases = aws._client.list_aliases()["Aliases"]

    assert {f"alias/callvault/{NAME}/1", f"alias/callvault/{NAME}/2"} <= {
        each["AliasName"] for each in aliases
    }
    assert len({each["TargetKeyId"] for each in aliases if NAME in each["AliasName"]}) == 2


def test_of_two_who_make_a_version_at_once_both_get_the_same(aws):
    aws._make(NAME, 1)
    wrapped = aws.wrap(NAME, KEY, CONTEXT)

    aws._make(NAME, 1)

    assert aws.unwrap(NAME, wrapped, CONTEXT) == KEY
    assert [(each.name, each.version) for each in aws.describe()] == [(NAME, 1)]


def test_a_version_that_somebody_else_gave_up_meanwhile_wraps_no_more(aws):
    aws.ensure_key(NAME)
    aws.wrap(NAME, KEY, CONTEXT)
    elsewhere = AwsKeys(region="eu-central-1")
    elsewhere.trim(NAME, oldest=elsewhere.rotate(NAME))

    assert aws.version_of(aws.wrap(NAME, KEY, CONTEXT)) == 2


def test_which_recording_a_key_is_of_is_not_told_to_aws(aws):
    aws, told = AwsKeys(region="eu-central-1"), []
    aws._client.meta.events.register(
        "before-call.kms", lambda params, **_: told.append(bytes(params["body"]))
    )
    aws.ensure_key(NAME)

    aws.unwrap(NAME, aws.wrap(NAME, KEY, b"recording-0193"), b"recording-0193")

    assert any(b'"context"' in body for body in told)
    assert not any(b"recording-0193" in body for body in told)


def test_a_key_is_gone_when_the_days_that_the_settings_give_have_passed(aws):
    keys = AwsKeys(region="eu-central-1", deletion_days=9)
    keys.ensure_key(NAME)
    keys.destroy(NAME)

    found = keys._client.describe_key(KeyId=f"alias/callvault/{NAME}/1")["KeyMetadata"]

    (info,) = keys.describe()
    assert keys.destruction_takes == timedelta(days=9)
    assert found["DeletionDate"] == info.destroyed_at + timedelta(days=9)


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("AccessDeniedException", DutyNotGiven),
        ("IncorrectKeyException", UnwrapRefused),
        ("InvalidCiphertextException", UnwrapRefused),
        ("ThrottlingException", KeyManagementUnavailable),
        ("DisabledException", KeyManagementUnavailable),
        ("KMSInternalException", KeyManagementUnavailable),
        ("UnrecognizedClientException", KeyManagementUnavailable),
    ],
)
def test_what_aws_refuses_is_said_in_our_words(aws, code, refusal):
    with Stubber(aws._client) as stubbed:
        stubbed.add_client_error("decrypt", code, "told to nobody")

        with pytest.raises(refusal) as raised:
            aws.unwrap(NAME, b"\x03\0\0\0\1" + bytes(100), CONTEXT)

    assert "told to nobody" not in str(raised.value)


def test_without_an_answer_the_keys_are_unavailable(credentials):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    keys = AwsKeys(region="eu-central-1", endpoint_url=f"https://127.0.0.1:{port}")

    for act in (
        keys.check,
        lambda: keys.wrap(NAME, KEY, CONTEXT),
        lambda: keys.rewrap(NAME, [WrappedKey(b"", b"")]),
    ):
        with pytest.raises(KeyManagementUnavailable):
            act()


def test_without_credentials_the_keys_are_unavailable(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(KeyManagementUnavailable, match="NoCredentials"):
        AwsKeys(region="eu-central-1").check()


def test_other_keys_of_the_account_are_nothing_to_us(aws):
    made = aws._client.create_key()["KeyMetadata"]["KeyId"]
    for alias in ("alias/callvault/audio-2027-03", "alias/other/audio-2027-03/1", "alias/callvault//1"):
        aws._client.create_alias(AliasName=alias, TargetKeyId=made)

    assert aws.describe() == []
    with pytest.raises(KeyMissing):
        aws.wrap("audio-2027-03", KEY, CONTEXT)


def test_playing_aws_does_not_reach_the_real_object_store(aws):
    storage.store().check()


@pytest.mark.parametrize(
    ("endpoint_url", "place"),
    [
        ("", Place("key management server", "eu-central-1")),
        ("https://kms.us-east-1.amazonaws.com", Place("key management server", "us-east-1")),
        (
            "https://ec2-203-0-113-5.compute-1.amazonaws.com",
            Place("key management server", "eu-central-1", "ec2-203-0-113-5.compute-1.amazonaws.com"),
        ),
    ],
)
def test_where_the_service_lies_is_told_by_its_address(credentials, endpoint_url, place):
    keys = AwsKeys(region="eu-central-1", endpoint_url=endpoint_url)
    with Stubber(keys._client) as stub:
        stub.add_response("list_aliases", {"Aliases": [], "Truncated": False})
        assert keys.places() == [place]


@pytest.mark.parametrize("version", ["0", "01", "4294967296", "\u0663", "-1"])
def test_an_alias_that_is_no_version_of_ours_is_let_be(aws, version):
    aws.ensure_key(NAME)
    made = aws._client.create_key()["KeyMetadata"]["KeyId"]
    with Stubber(aws._client) as stub:
        names = [f"alias/callvault/{NAME}/{each}" for each in ("1", version)]
        listed = [{"AliasName": name, "TargetKeyId": made} for name in names]
        stub.add_response("list_aliases", {"Aliases": listed, "Truncated": False})
        assert aws._versions(NAME) == [1]


@pytest.mark.parametrize("answer", [{}, {"Plaintext": b""}, {"Plaintext": bytes(31)}])
def test_what_is_no_key_is_not_taken_for_one(credentials, answer):
    keys = AwsKeys(region="eu-central-1")
    with Stubber(keys._client) as stub, pytest.raises(KeyManagementUnavailable):
        stub.add_response("decrypt", answer)
        keys.unwrap(NAME, b"\3\0\0\0\1something", CONTEXT)
