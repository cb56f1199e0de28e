"""What deployctl does on ONE host: read, decide, act, result. A module for each command."""
