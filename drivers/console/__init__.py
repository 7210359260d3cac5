"""Where text goes: the serial port, the VGA text screen, the debug port. Bytes in, bytes out; no lines, no levels."""
