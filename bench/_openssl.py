"""How fast `openssl speed` encrypts and decrypts on this machine, in bytes a second of processor time."""

import shutil
import subprocess


def bytes_per_second(*, decrypt: bool, seconds: int) -> float:
    """Return the speed of AES-256-GCM in pieces of a mebibyte."""
    program = shutil.which("openssl")
    if program is None:
        raise SystemExit("This bench compares with openssl: apt-get install openssl.")
    command = [program, "speed", "-mr", "-seconds", str(seconds), "-bytes", "1048576", "-evp", "aes-256-gcm"]
    done = subprocess.run(
        [*command, *(["-decrypt"] if decrypt else [])], capture_output=True, text=True, check=True
    )
    (result,) = [line for line in done.stdout.splitlines() if line.startswith("+F:")]
    return float(result.rsplit(":", 1)[1])
