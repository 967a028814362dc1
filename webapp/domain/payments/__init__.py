"""Payments: links, sessions, attempts, and the one door through which money comes in."""
