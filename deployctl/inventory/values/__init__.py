"""What an inventory says, as frozen values."""
