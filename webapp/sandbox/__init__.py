"""The sandbox bank: a pretend payment provider in its own process, with its own store."""
