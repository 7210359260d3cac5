"""The boot menu's second entry: what this machine has and what Keelback does with it. Starts no guest."""
