"""What runs when a workflow starts, and what still runs when something in it fails."""
