"""What is handed in: its metadata, the log, scoring within limits, rules, halves, boards."""
