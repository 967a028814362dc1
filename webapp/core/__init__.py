"""Values that everything else is made of: states, money, references, time. No input, no output."""
