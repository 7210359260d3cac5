"""The monitor's shell: a line editor, one table of commands, and the commands."""
