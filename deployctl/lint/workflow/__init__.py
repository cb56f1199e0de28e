"""A workflow file as typed values."""
