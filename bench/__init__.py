"""Measurements: each group gives named figures, with a baseline of the same run if any."""
