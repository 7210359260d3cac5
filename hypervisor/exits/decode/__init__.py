"""A small, strict decoder over a snapshot of the guest's bytes: what is not on its list is refused, never guessed."""
