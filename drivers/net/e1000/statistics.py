"""Numbers of the e1000's statistics, in words from 4000h on (8254x, 13.7; 82574, 10.2.7). Reading one clears it."""

from __future__ import annotations

from codegen.lang import HwEnum, u8


class E1000Statistic(HwEnum, repr=u8):
    """The manuals' names. Octets have two words, of which the upper one is read last."""

    CRCERRS = 0
    ALGNERRC = 1
    SYMERRS = 2
    RXERRC = 3
    MPC = 4  # missed packets: the card had no room
    SCC = 5
    ECOL = 6
    MCC = 7
    LATECOL = 8
    COLC = 10
    DC = 12
    TNCRS = 13
    SEC = 14
    CEXTERR = 15
    RLEC = 16
    XONRXC = 18
    XONTXC = 19
    XOFFRXC = 20
    XOFFTXC = 21
    FCRUC = 22
    PRC64 = 23
    PRC127 = 24
    PRC255 = 25
    PRC511 = 26
    PRC1023 = 27
    PRC1522 = 28
    GPRC = 29
    BPRC = 30
    MPRC = 31
    GPTC = 32
    GORCL = 34
    GORCH = 35
    GOTCL = 36
    GOTCH = 37
    RNBC = 40
    RUC = 41
    RFC = 42
    ROC = 43
    RJC = 44
    MGTPRC = 45
    MGTPDC = 46
    MGTPTC = 47
    TORL = 48
    TORH = 49
    TOTL = 50
    TOTH = 51
    TPR = 52
    TPT = 53
    PTC64 = 54
    PTC127 = 55
    PTC255 = 56
    PTC511 = 57
    PTC1023 = 58
    PTC1522 = 59
    MPTC = 60
    BPTC = 61
    TSCTC = 62
    TSCTFC = 63
    IAC = 64
    ICRXPTC = 65
    ICRXATC = 66
    ICTXPTC = 67
    ICTXATC = 68
    ICTXQEC = 70
    ICTXQMTC = 71
    ICRXDMTC = 72
    ICRXOC = 73
