"""Do the vault's main job once, as clients over HTTP would, and check with strangers' eyes that it was done.

    python bin/smoke.py ADDRESS        (bin/run --smoke calls it)

A telephone exchange brings in calls, a supervisor listens, two people release a hold, a key gets a new
version, the data protection officer exports the trail and sees a call erased when its time ran out. What the vault hands out is verified offline, by the verifier
that comes with it in an interpreter that knows nothing of the vault. One line a step; 0 only if all held.
"""

import base64
import hashlib
import io
import math
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from trial.client import Client, Failed
from trial.place import CHECKOUT

PASSWORD = os.environ["DEMO_PASSWORD"]
ADMINISTRATOR = "bram.kuiper@harbourvale.example"
SUPERVISOR = "ines.verhoeven@harbourvale.example"
DPO = "katrien.maas@harbourvale.example"
TEAM = "Billing North"
PIECE = 65_536
PATIENCE_SECONDS = 120


def main(address: str) -> None:
    """Do everything once, in the order in which it happens in an organisation."""
    audio = tone(seconds=20)
    administrator = sign_in(address, ADMINISTRATOR)
    exchange = Client(address, token=make_token(administrator))
    step("the administrator signs in and makes a token for the telephone exchange")

    call = bring_in(exchange, audio, category="")
    step(f"a call of {len(audio):,} bytes is brought in with its consent; sent again it stays one recording")

    supervisor = sign_in(address, SUPERVISOR)
    step("a supervisor signs in with password and one-time code")

    refuse_without_purpose(supervisor, call)
    step("without a purpose there is no audio")

    listen(supervisor, call, audio)
    step("with purpose and reason it is heard by ranges, byte for byte what went in")

    dpo = sign_in(address, DPO)
    release_a_hold(dpo, administrator, call)
    step("a legal hold is placed, and released only once a second person has approved")

    asked_at = datetime.now(UTC).isoformat()
    key = begin_rotation(supervisor, administrator, call)
    category = f"smoke-{uuid.uuid4().hex[:8]}"
    make_policy(dpo, category, seconds=45)
    short_lived = bring_in(exchange, tone(seconds=3), category=category)
    granted = ask_to_listen(supervisor, short_lived)
    supervisor.ask("GET", granted["audio_url"], Range="bytes=0-99", expect=206)
    step("a second call comes in under a policy of seconds, and can be heard")

    proof = wait_for_erasure(dpo, short_lived)
    step("its time ran out: the sweep erased it, and certified that nothing is left")

    supervisor.ask("GET", granted["audio_url"], Range="bytes=0-99", expect=410)
    supervisor.send("POST", f"/api/v1/recordings/{short_lived}/grants", purpose(), expect=410)
    step("its audio is refused with 410, by the old permission and by a new one")

    wait_for_rotation(dpo, key, since=asked_at)
    listen(supervisor, call, audio)
    step(
        f"meanwhile {key} got a new version and wrapped its data keys again; the first call is heard as before"
    )

    package = export_trail(dpo)
    step(f"the data protection officer exports the trail ({len(package):,} bytes)")

    with tempfile.TemporaryDirectory() as folder:
        verify_everything(Path(folder), package, proof, [call, short_lived])


def verify_everything(folder: Path, package: bytes, proof: str, recordings: list[str]) -> None:
    """Check export and proof with the export's own verifier, and see that a changed copy is refused."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        archive.extractall(folder / "export")
    packed, proven = folder / "export.zip", folder / "erasure-proof.txt"
    packed.write_bytes(package)
    proven.write_text(proof, encoding="utf-8")
    verifier = next((folder / "export").rglob("verify.py"))

    expect_verdict(verifier, packed, holds=True)
    events = find_events(folder / "export")
    for recording in recordings:
        if recording.encode() not in events.read_bytes():
            raise Failed("the export does not mention a recording that was brought in")
    step("the export is verified offline, with nothing but Python and the verifier inside it")

    events.write_bytes(flip_one_bit(events.read_bytes()))
    expect_verdict(verifier, verifier.parent, holds=False)
    step("a copy of the export with one bit changed is refused")

    expect_verdict(verifier, proven, holds=True)
    step("the proof of the erasure is verified offline")


def sign_in(address: str, email: str) -> Client:
    """Sign in with password and one-time code, as the sign-in pages ask."""
    for _ in range(2):  # a code may run out between reading and typing it
        browser = Client(address)
        asked = browser.submit("/account/login/", login=email, password=PASSWORD)
        browser.submit(urllib.parse.urlsplit(asked.url).path, code=current_code(email))
        landed = browser.ask("GET", "/")
        if "/account/" not in landed.url:
            return browser
    raise Failed(f"{email} could not sign in; came to {landed.url}")


def current_code(email: str) -> str:
    """Return a person's one-time code, which the demo's command prints."""
    command = [sys.executable, str(CHECKOUT / "manage.py"), "demo_codes"]
    told = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    for line in told.splitlines():
        if email in line and (code := re.search(r"\b(\d{3}) ?(\d{3})\b", line)):
            return code[1] + code[2]
    raise Failed(f"demo_codes knows no code for {email}")


def make_token(administrator: Client) -> str:
    """Make a service token on the administrators' page, where its secret is shown once."""
    page = administrator.submit("/tokens/", name="Smoke test exchange", scopes="recording:ingest", days="30")
    secret = re.search(r"\bcv_[A-Za-z0-9_-]+", page.text)
    if secret is None:
        raise Failed("the page that makes a token shows none")
    return secret[0]


def bring_in(exchange: Client, audio: bytes, *, category: str) -> str:
    """Announce a call with its consent and send its audio, twice; return the recording's id."""
    announced = exchange.send("POST", "/api/v1/recordings", describe(len(audio), category))
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(audio).digest()).decode()}:"
    for status in (201, 200):
        answer = exchange.ask(
            "PUT",
            announced["audio_url"],
            audio,
            expect=status,
            Content_Type="audio/wav",
            Content_Digest=digest,
        )
    if answer.json["id"] != announced["id"]:
        raise Failed("the same audio sent again became another recording")
    return str(announced["id"])


def describe(length: int, category: str) -> dict[str, Any]:
    """Return the side-car of a call that a caller agreed to have recorded."""
    started_at = datetime.now(UTC) - timedelta(seconds=30)
    consent = {
        "party": 1,
        "basis": "consent",
        "status": "granted",
        "method": "spoken",
        "at": started_at.isoformat(),
        "audio_offset_ms": 1500,
        "notice_version": "2026-01",
        "language": "en",
    }
    return {
        "schema": "vault-sidecar/1",
        "source": {"system": "smoke", "account": "harbour-vale", "recording_id": uuid.uuid4().hex},
        "media": {"file": "call.wav", "bytes": length, "channel_map": ["agent", "customer"]},
        "call": {"started_at": started_at.isoformat(), "direction": "in", "language": "en"},
        "parties": [
            {"role": "agent", "agent_ref": "hannah.whitlock", "team_ref": TEAM},
            {"role": "customer", "number": "+31201234567", "name": "Test Caller"},
        ],
        "lawful_bases": [consent | {"purpose": code} for code in ("complaint", "quality")],
        "classification": [category] if category else [],
    }


def purpose() -> dict[str, str]:
    """Return what a supervisor states before listening."""
    return {"purpose": "complaint", "reason": "The caller complained about the bill of November."}


def refuse_without_purpose(supervisor: Client, recording: str) -> None:
    """See that neither an empty request nor a missing reason gives a permission."""
    for lacking in ({}, purpose() | {"reason": ""}, purpose() | {"purpose": "curiosity"}):
        supervisor.send("POST", f"/api/v1/recordings/{recording}/grants", lacking, expect=(400, 403))


def ask_to_listen(supervisor: Client, recording: str) -> Any:
    """State purpose and reason; return the permission."""
    return supervisor.send("POST", f"/api/v1/recordings/{recording}/grants", purpose())


def listen(supervisor: Client, recording: str, audio: bytes) -> None:
    """Fetch the audio as a player does, piece by piece, some of it out of order, and compare."""
    granted = ask_to_listen(supervisor, recording)
    url = granted["audio_url"]
    tail = supervisor.ask("GET", url, Range="bytes=-1000", expect=206).body
    middle = supervisor.ask("GET", url, Range="bytes=100001-200000", expect=206).body
    if tail != audio[-1000:] or middle != audio[100_001:200_001]:
        raise Failed("a range in the middle or at the end is not what went in")
    heard = bytearray()
    while len(heard) < len(audio):
        piece = supervisor.ask("GET", url, Range=f"bytes={len(heard)}-{len(heard) + PIECE - 1}", expect=206)
        total = piece.headers["Content-Range"].rpartition("/")[2]
        if int(total) != len(audio) or not piece.body:
            raise Failed(f"the audio is said to be {total} bytes long; {len(audio)} went in")
        heard += piece.body
    if heard != audio:
        raise Failed("what was heard is not what went in")
    supervisor.ask("GET", url, Range=f"bytes={len(audio)}-", expect=416)
    supervisor.ask("DELETE", f"/api/v1/grants/{granted['token']}", expect=(200, 204))


def release_a_hold(dpo: Client, administrator: Client, recording: str) -> None:
    """Place a legal hold, ask for its release, and see that who asked cannot approve it, and another can."""
    placed = {"recording": recording, "reason": "A claim was announced.", "case": "SMOKE-1"}
    hold = dpo.send("POST", "/api/v1/holds", placed)["id"]
    reason = {"reason": "The claim was withdrawn."}
    asked = dpo.send("POST", f"/api/v1/holds/{hold}/release", reason, expect=202)
    decision = f"/api/v1/approvals/{asked['id']}/decision"
    dpo.send("POST", decision, {"approve": True}, expect=403)
    decided = administrator.send("POST", decision, {"approve": True}, expect=200)
    if decided["state"] != "done":
        raise Failed(f"the approved release of a hold is not carried out but {decided['state']}")


def begin_rotation(supervisor: Client, administrator: Client, recording: str) -> str:
    """Ask for a new version of the key under which a call's audio lies; return the key's name."""
    ends_at = supervisor.ask("GET", f"/api/v1/recordings/{recording}").json["expires_at"]
    key = f"audio-{datetime.fromisoformat(ends_at).astimezone(UTC):%Y-%m}"
    page = administrator.ask("GET", f"/keys/{key}/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    if token is None:
        raise Failed(f"the page of {key} has no form")
    body = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], "kind": "rotate"}).encode()
    kind = "application/x-www-form-urlencoded"
    administrator.ask("POST", f"/keys/{key}/renew/", body, Content_Type=kind)
    return key


def wait_for_rotation(dpo: Client, key: str, *, since: str) -> None:
    """Wait until the trail says that a new version of the key has wrapped data keys again."""
    sought = urllib.parse.urlencode({"action": "key.rewrapped", "target_id": key, "since": since})
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        for event in dpo.ask("GET", f"/api/v1/audit/events?{sought}").json["results"]:
            if event["entry"]["facts"]["keys"]:
                return
        time.sleep(1)
    raise Failed(f"{key} got no new version that wraps anything within {PATIENCE_SECONDS} seconds")


def make_policy(dpo: Client, category: str, *, seconds: int) -> None:
    """Make a retention policy for this run's second call."""
    dpo.send(
        "POST",
        "/api/v1/policies",
        {
            "name": f"Trial of seconds {category}",
            "lawful_basis": "consent",
            "justification": "Shows that a call is erased when nothing justifies keeping it.",
            "keep_at_most": {"count": seconds, "unit": "seconds"},
            "category": category,
        },
    )


def wait_for_erasure(dpo: Client, recording: str) -> str:
    """Wait until the sweep has erased and certified, and a checkpoint covers it; return the proof."""
    state = "nothing"
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        erasure = dpo.ask("GET", f"/api/v1/recordings/{recording}/erasure", expect=(200, 404))
        state = erasure.json["state"] if erasure.status == 200 else state
        if state == "certified":
            proof = dpo.ask("GET", f"/api/v1/recordings/{recording}/erasure/proof", expect=(200, 503))
            if proof.status == 200:
                return proof.text
        time.sleep(1)
    raise Failed(f"the recording was not erased within {PATIENCE_SECONDS} seconds; its erasure is: {state}")


def export_trail(dpo: Client) -> bytes:
    """Ask for the trail, wait until it is packed, and fetch it."""
    asked = dpo.send("POST", "/api/v1/audit/exports", {"format": "jsonl"}, expect=202)
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        state = dpo.ask("GET", f"/api/v1/audit/exports/{asked['id']}").json["state"]
        if state == "ready":
            return dpo.ask("GET", f"/api/v1/audit/exports/{asked['id']}/package").body
        if state == "failed":
            break
        time.sleep(1)
    raise Failed(f"the export was not ready within {PATIENCE_SECONDS} seconds; it is: {state}")


def expect_verdict(verifier: Path, what: Path, *, holds: bool) -> None:
    """Run the verifier in an interpreter that sees no package and no variable of ours."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", verifier, what], capture_output=True, text=True, env={}, cwd=what.parent
    )
    if done.returncode != (0 if holds else 1):
        wanted = "accept" if holds else "refuse"
        raise Failed(f"the verifier should {wanted} {what.name}: {done.stdout}{done.stderr}")


def find_events(folder: Path) -> Path:
    """Return the file of the export that holds the events."""
    return max(folder.rglob("*.jsonl"), key=lambda path: path.stat().st_size)


def flip_one_bit(content: bytes) -> bytes:
    """Return a copy in which the last digit of the first time stamp is another."""
    found = re.search(rb'"at":"[0-9T:.-]*[0-9]', content)
    if found is None:
        raise Failed("the events of the export carry no time")
    changed = bytearray(content)
    changed[found.end() - 1] ^= 1
    return bytes(changed)


def tone(*, seconds: int, rate: int = 8000) -> bytes:
    """Return a stereo WAV of 16 bits: a tone for the agent on the left, another for the caller."""
    frames = b"".join(
        struct.pack(
            "<hh",
            int(9000 * math.sin(2 * math.pi * 440 * at / rate)),
            int(9000 * math.sin(2 * math.pi * 660 * at / rate)),
        )
        for at in range(seconds * rate)
    )
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(frames), b"WAVE", b"fmt ", 16, 1, 2, rate,
                       rate * 4, 4, 16, b"data", len(frames))  # fmt: skip
    return head + frames


def step(sentence: str) -> None:
    """Say that a step held."""
    print(f"ok  {sentence}", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Failed as failed:
        print(f"FAILED  {failed}", flush=True)
        sys.exit(1)
    print("Every step held.", flush=True)
