"""From objects to what firmware and loaders start: ELF images, flat 32-bit code, PE applications, and symbol files."""
