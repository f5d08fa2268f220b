"""Passwords hashed in no time: hundreds of tests sign in, and none guards a real password."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """Argon2 with the least work it allows."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
