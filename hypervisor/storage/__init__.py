"""The machine's disks in the monitor's hands: start, submission, completion, time-outs, partitions."""
