"""One exit followed through the machine code of an image, one instruction after another, without an emulator."""
