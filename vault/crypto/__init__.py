"""Cryptography of the vault. Pure: bytes in, bytes out; no Django, no network, no clock."""
