#!/usr/bin/env python3
"""Open a sealed object of the vault without the vault: pip install 'cryptography>=50', then

    python open_sealed.py KEY.json SEALED OUTPUT

KEY.json: {"data_key": hexadecimal, "recording_id": UUID, "key_id": UUID, "kind": number}
"""

import json
import os
import sys
from uuid import UUID

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag


def main(key_path, sealed_path, output_path):
    with open(key_path) as file:
        key = json.load(file)
    ids = UUID(key["recording_id"]).bytes + UUID(key["key_id"]).bytes
    context = b"callvault/v1\0" + ids + bytes([key["kind"]])
    os.umask(0o077)  # what is opened is for us alone
    decryptor = Cobblestone256Decryptor(bytes.fromhex(key["data_key"]), context)
    with open(sealed_path, "rb") as sealed, open(output_path, "xb") as output:
        try:
            while piece := sealed.read(1_048_576):
                output.write(decryptor.update(piece))
            output.write(decryptor.finalize())
        except BaseException as error:  # nothing half-opened stays, whatever broke off
            os.remove(output_path)
            if isinstance(error, InvalidTag):
                sys.exit("Not opened: another key, or the object was changed or cut.")
            raise


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
