"""Pure: what the deploy models agree on: references, releases, records, gates, results."""
