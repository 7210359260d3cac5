"""AMD-V behind the vCPU contract (APM vol. 2, ch. 15). Nothing outside imports this folder."""
