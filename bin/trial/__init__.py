"""What `bin/run`, `bin/test` and `bin/services` share: real servers from wheels, for the trial and the tests.

Standard library only, for it must work before anything is installed. Production has its own PostgreSQL,
Valkey or Redis, object store and key management, and needs none of this.
"""
