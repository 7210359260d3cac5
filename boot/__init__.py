"""From firmware to the first instruction of the monitor, and the ISO that carries both."""
