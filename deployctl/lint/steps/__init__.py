"""What a step does, as far as its text tells."""
