"""Benchmarks: each module measures one claim and prints ratios or values against the bar that was set for it."""
