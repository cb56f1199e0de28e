"""Deploy and roll back one Docker Compose service over SSH."""

__version__ = "0.1.0"
