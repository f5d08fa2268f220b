"""Periodic jobs: how each is declared, and the heartbeat that shows it ran."""
