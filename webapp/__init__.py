"""Tillgate: a hosted payment page that turns a paid link into tickets."""
