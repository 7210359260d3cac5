"""The vendor-neutral vCPU and the contract that `vmx` and `svm` implement."""
