"""The benchmark: deployctl against one hand-typed SSH session, and against a Fabric script.

`make bench`, or `python -m bench --help`. docs/performance.md says what is measured and how.
"""
