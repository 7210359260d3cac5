"""What a chipset does with the machine as a whole."""
