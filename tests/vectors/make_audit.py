"""Write the vectors of the trail's formats: from the definitions themselves, not from the vault's code.

The leaves and roots are those that the Certificate Transparency project publishes for RFC 6962.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]


def mth(data: list[bytes]) -> bytes:
    """RFC 6962, 2.1."""
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = split(len(data))
    return hashlib.sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def path(m: int, data: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1."""
    if len(data) == 1:
        return []
    k = split(len(data))
    if m < k:
        return [*path(m, data[:k]), mth(data[k:])]
    return [*path(m - k, data[k:]), mth(data[:k])]


def proof(m: int, data: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.2."""
    return subproof(m, data, True)


def subproof(m: int, data: list[bytes], is_whole: bool) -> list[bytes]:
    """RFC 6962, 2.1.2."""
    if m == len(data):
        return [] if is_whole else [mth(data)]
    k = split(len(data))
    if m <= k:
        return [*subproof(m, data[:k], is_whole), mth(data[k:])]
    return [*subproof(m - k, data[k:], False), mth(data[:k])]


def split(n: int) -> int:
    """Return the largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def main() -> None:
    """Write both files beside this one."""
    data = [bytes.fromhex(leaf) for leaf in LEAVES]
    tree = {
        "leaves": LEAVES,
        "roots": [{"size": n, "root": mth(data[:n]).hex()} for n in range(len(data) + 1)],
        "inclusion": [
            {"index": m, "size": n, "proof": [h.hex() for h in path(m, data[:n])]}
            for n in (1, 2, 3, 5, 7, 8)
            for m in range(n)
        ],
        "consistency": [
            {"earlier": m, "size": n, "proof": [h.hex() for h in proof(m, data[:n])]}
            for n in (1, 2, 3, 6, 7, 8)
            for m in range(1, n + 1)
        ],
    }
    assert tree["roots"][8]["root"] == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    spellings = [
        ("order of names", {"b": 1, "a": 2, "A": 3}, '{"A":3,"a":2,"b":1}'),
        ("no white space", {"a": [1, 2, {"b": True}], "c": None}, '{"a":[1,2,{"b":true}],"c":null}'),
        ("escapes", {"a": '\b\t\n\f\r"\\/\x00\x1f\x7f'}, '{"a":"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\x7f"}'),
        ("text outside ASCII", {"a": "é€😂\u2028"}, '{"a":"é€😂\u2028"}'),
        ("whole numbers", {"a": [0, -1, 9007199254740991]}, '{"a":[0,-1,9007199254740991]}'),
        ("nothing", {}, "{}"),
    ]
    canonical = [{"about": a, "value": v, "canonical": c.encode().hex()} for a, v, c in spellings]
    here = Path(__file__).parent
    (here / "audit-tree.json").write_text(json.dumps(tree, indent=1) + "\n")
    (here / "audit-canonical.json").write_text(json.dumps(canonical, indent=1) + "\n")


if __name__ == "__main__":
    main()
