"""Test machines: how QEMU and Bochs are started, listened to, and always ended.

Here belongs what runs *on the user's host*: command lines, the serial console, the expect engine, the terminal.
What runs inside the machine (loaders, images) does not.
"""
