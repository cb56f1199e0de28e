"""Tables of an inventory → their values: a module for each kind of table."""
