"""The front rooms for people: requests in, pages and fragments out."""
