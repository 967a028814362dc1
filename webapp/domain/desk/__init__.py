"""The desk: merchants, and what the background did."""
