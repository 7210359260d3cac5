"""The host's side of docs/ctl.md: `./build.py ctl`. No part of it is in an image."""
