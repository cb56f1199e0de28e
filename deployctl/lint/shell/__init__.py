"""The scripts of steps: their commands, as far as they can be seen without running them."""
