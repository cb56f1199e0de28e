"""Every fault at every step: the host must end in a definite, recorded outcome."""
