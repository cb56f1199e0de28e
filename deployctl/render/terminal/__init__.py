"""Answers, errors and what a run is doing, as text for people."""
