"""Programs for the developer's terminal. Nothing here runs in production."""
