"""VT-x behind the vCPU contract (SDM vol. 3C). Nothing outside imports this folder."""
