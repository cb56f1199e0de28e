"""Results, errors and events → text. The only place in the program that prints."""
