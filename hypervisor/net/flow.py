"""To which conversation a frame belongs: one number for both directions."""

from __future__ import annotations

from codegen.lang import Span, fn, len, range, u32, usize
from hypervisor.net.ethernet import HEADER_BYTES, TYPE_AT, read_be16, read_be32
from hypervisor.net.segments import IPV4, IPV4_BYTES, IPV6, IPV6_BYTES, TCP

UDP = 17


@fn
def flow_of(frame: Span) -> u32:
    """Of a frame without a tag; 0 for what is neither IPv4 nor IPv6. It need not be sound."""
    type = read_be16(frame, usize(TYPE_AT))
    ip = usize(HEADER_BYTES)
    if type == IPV4 and len(frame) >= HEADER_BYTES + IPV4_BYTES:
        flow = read_be32(frame, ip + 12) ^ read_be32(frame, ip + 16)
        if read_be16(frame, ip + 6) & 0x3FFF == 0:
            flow = flow ^ ports_of(frame, u32(frame[ip + 9]), ip + usize(frame[ip] & 15) * 4)
    elif type == IPV6 and len(frame) >= HEADER_BYTES + IPV6_BYTES:
        flow = ports_of(frame, u32(frame[ip + 6]), ip + IPV6_BYTES)
        for i in range(usize(8)):
            flow = flow ^ read_be32(frame, ip + 8 + i * 4)
    else:
        return u32(0)
    return flow ^ flow >> 16 ^ flow >> 8


@fn
def ports_of(frame: Span, protocol: u32, at: usize) -> u32:
    """Of TCP and UDP, if they are there."""
    if protocol != TCP and protocol != UDP or len(frame) < at + 4:
        return u32(0)
    return u32(read_be16(frame, at) ^ read_be16(frame, at + 2))
