"""NVMe controllers: entry points are start.py, connect.py, submit.py, collect.py and recover.py; state.py is theirs."""
