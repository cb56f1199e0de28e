"""Does the chain from push to container hold? A check of a repository's workflows.

A workflow that breaks the chain is valid for GitHub: an output that does not exist is an empty
text, a scan that may fail is a green one. Here the workflows are read as a whole, and each deploy
is followed back to where its tag was made.

From a file up to its findings: `loader` reads the files, `workflow` makes values of them with
`expressions` and `shell`; `steps` says what a step does, `runs` what runs when, `sources` where a
value comes from; `chain` is what leads to each deploy, and `rules` say where it does not hold.
"""

from deployctl.lint.findings import Finding, Place, Report
from deployctl.lint.loader import lint
from deployctl.lint.rules import RULES
from deployctl.lint.rules.rule import Rule

__all__ = ["RULES", "Finding", "Place", "Report", "Rule", "lint"]
