#!/usr/bin/env python3
"""Get a data key from the local keyring without the vault: pip install 'cryptography>=50', then

    python unwrap_data_key.py MASTER KEYRING KEK WRAPPED RECORDING_ID KEY_ID KIND > KEY.json

MASTER and KEYRING are files; the others are columns of one row of the table recordings_storedkey: kek, wrapped (in
hexadecimal), recording_id, id, kind.
"""

import base64
import json
import sys
from uuid import UUID

from cryptography.cobblestone import Cobblestone256Decryptor


def opened(key, context, sealed):
    decryptor = Cobblestone256Decryptor(key, context)
    return decryptor.update(sealed) + decryptor.finalize()


def main(master_path, keyring_path, kek, wrapped_hex, recording_id, key_id, kind):
    with open(master_path) as file:
        master = bytes.fromhex(file.read().split()[-1])
    with open(keyring_path, "rb") as file:
        head, sealed = file.read(35), file.read()
    keys = json.loads(opened(master, b"callvault/keyring/v1\0" + head, sealed))["keys"]
    wrapped = bytes.fromhex(wrapped_hex)
    key = base64.b64decode(keys[kek]["versions"][str(int.from_bytes(wrapped[1:5], "big"))])
    context = b"callvault/v1\0" + UUID(recording_id).bytes + UUID(key_id).bytes + bytes([int(kind)])
    binding = b"callvault/kek/v1\0" + bytes([len(kek)]) + kek.encode() + wrapped[1:5] + context
    said = {
        "data_key": opened(key, binding, wrapped[5:]).hex(),
        "recording_id": recording_id,
        "key_id": key_id,
    }
    json.dump(said | {"kind": int(kind)}, sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 8:
        sys.exit(__doc__)
    main(*sys.argv[1:])
