"""The payment services outside: one port, one adapter per service, one way of calling them."""
