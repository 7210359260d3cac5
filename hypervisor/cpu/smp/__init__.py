"""Starting the other processors, one after the other: the first one says each step, the new one does it."""
