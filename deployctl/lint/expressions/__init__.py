"""GitHub's expressions, `${{ … }}`: read, and evaluated as far as they can be."""
