"""SSH connections: the only package that imports fabric and paramiko.

`connect.connect` opens a checked connection to one host, `Session.run` runs one command on it,
`Connection` is one that can be made again. All are imported without fabric and paramiko, which take
longer to import than everything else together: they are loaded while the TCP connection is made.
"""
