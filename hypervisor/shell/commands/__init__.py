"""The shell's commands, one concept a file; `hypervisor/shell/table.py` names the files."""
