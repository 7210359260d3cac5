"""What the compiler made of a function, for people to read. Nothing here takes part in a build."""
