"""Network cards of the machine: one interface (frame.py, port.py), and a folder for each kind."""
