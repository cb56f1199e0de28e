"""The SSH and Docker Compose model, verb by verb: read → decide → act → result."""
