"""Tickets: places, admissions, and how they reach the buyer."""
