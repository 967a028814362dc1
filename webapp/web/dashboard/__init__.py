"""The merchant's desk: links listed, made, looked at and acted upon."""
