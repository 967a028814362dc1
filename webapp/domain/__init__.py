"""The rules. The only room that opens transactions and asks the database."""
