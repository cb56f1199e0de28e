"""The scripts that run on a host, each beside its twin: its command, and what it prints as values.

Joined from their parts and sent byte for byte; nothing is installed on the host.
"""
