"""Signed notes against the vector that Go's implementation publishes, and against forgery."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vault.crypto.errors import NoteRefused
from vault.crypto.notes import MAX_SIGNATURES, NoteSigner, NoteVerifier, open_note

# From the documentation of golang.org/x/mod/sumdb/note.
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
)


def signer(name: str = "vault.example/trail") -> NoteSigner:
    return NoteSigner(name, Ed25519PrivateKey.generate())


def test_we_sign_what_go_signs():
    go = NoteSigner("PeterNeumann", Ed25519PrivateKey.from_private_bytes(GO_SEED))

    assert go.verifier.vkey == GO_VKEY
    assert go.sign(GO_TEXT) == GO_NOTE


def test_we_open_what_go_signed():
    note = open_note(GO_NOTE, [NoteVerifier.parse(GO_VKEY)])

    assert note.text == GO_TEXT
    assert [each.name for each in note.signed_by] == ["PeterNeumann"]


def test_a_note_may_hold_empty_lines_and_any_language():
    mine = signer()
    text = "Ognuno sta solo\n\ned è subito sera.\n\n"

    assert open_note(mine.sign(text), [mine.verifier]).text == text


def test_a_note_with_several_signatures_says_who_signed():
    log, witness, stranger = signer(), signer("witness.example"), signer("stranger.example")
    note = log.sign("x\n") + stranger.signature_line("x\n") + witness.signature_line("x\n")

    opened = open_note(note, [witness.verifier, log.verifier])

    assert [each.name for each in opened.signed_by] == ["vault.example/trail", "witness.example"]


def test_a_changed_note_is_refused():
    changes = [
        GO_NOTE.replace("answer", "Answer"),
        GO_NOTE.replace("PeterNeumann", "PeterNeuman"),
        GO_NOTE.replace("x08go/ZJ", "x08go/ZK"),
        GO_NOTE.replace("x08go/ZJ", "x18go/ZJ"),
        GO_NOTE[:-1],
        GO_NOTE + "\n",
        GO_NOTE.replace("\n\n", "\n"),
        GO_NOTE.replace("— ", "- "),
        GO_NOTE.replace("is.\n", "is.\r\n"),
        GO_NOTE.replace("JnAM=", "JnA"),
        GO_NOTE.replace(" x08go", ""),
        GO_NOTE + "not a signature\n",
        GO_NOTE + "— name AAAA\n",
        GO_NOTE + GO_NOTE[GO_NOTE.index("— ") :] * MAX_SIGNATURES,
        "",
    ]

    for changed in changes:
        assert changed != GO_NOTE
        with pytest.raises(NoteRefused):
            open_note(changed, [NoteVerifier.parse(GO_VKEY)])


def test_one_false_signature_of_a_known_key_spoils_the_note():
    log, witness = signer(), signer("witness.example")
    note = log.sign("x\n") + witness.signature_line("y\n")

    with pytest.raises(NoteRefused):
        open_note(note, [log.verifier, witness.verifier])
    assert open_note(note, [log.verifier]).text == "x\n"


def test_a_note_that_only_strangers_signed_is_refused():
    with pytest.raises(NoteRefused):
        open_note(signer().sign("x\n"), [signer().verifier])


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "null\0\n", "return\r\n"])
def test_a_text_that_no_note_may_hold_is_not_signed(text):
    with pytest.raises(ValueError, match="newline"):
        signer().sign(text)


@pytest.mark.parametrize("name", ["", "with space", "with+plus", "with\nline", "no\u00a0break"])
def test_a_name_that_no_key_may_have_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        signer(name)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        GO_VKEY.replace("c74f20a3", "c74f20a4"),
        GO_VKEY.replace("+AR", "+Ag"),
        GO_VKEY[:-4],
        GO_VKEY.replace("PeterNeumann", "Peter"),
    ],
)
def test_a_malformed_verifier_key_is_refused(vkey):
    with pytest.raises(ValueError, match=r"verifier key|padding"):
        NoteVerifier.parse(vkey)


def test_a_signer_does_not_show_its_key():
    mine = signer()

    assert "Ed25519PrivateKey" not in repr(mine)
