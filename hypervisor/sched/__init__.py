"""Who runs next: today a fair round over all runnable vCPUs of the one processor."""
