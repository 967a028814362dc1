"""Tests of values, documents and mail: no database, no web."""
