"""Intel's Gigabit cards: the PCI family 8254x that emulators have, and the 82574L of PCI Express.

Sources: "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual" (317453), here "8254x", and
"82574 GbE Controller Family Datasheet" (316080), here "82574".
"""
