"""Messages: emails that are promised, alerts, and money that waits for a person."""
