"""What the firmware's ACPI tables say of the machine. Every length in them is hostile until it is checked."""
