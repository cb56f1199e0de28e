"""What is a secret in an answer, and what is left of the answer without it."""
