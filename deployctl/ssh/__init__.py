"""SSH connections: the only package that imports fabric and paramiko.

`connect` opens a checked connection to one host, `Session.run` runs one command on it. Both are
imported without fabric and paramiko, which take longer to import than everything else
together: they are loaded while the TCP connection is being made.
"""

from deployctl.ssh.connect import connect
from deployctl.ssh.session import Session

__all__ = ["Session", "connect"]
