"""The guest's ACPI: tables built when the image is generated, and the power-management block that they describe."""
