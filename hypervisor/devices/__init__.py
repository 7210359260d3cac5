"""The chips that a guest sees, each a state machine with pins, and the board that wires them."""
