"""Network ports of virtio devices (virtio 1.2, 5.1): start, connect, room, send, receive, tick."""
