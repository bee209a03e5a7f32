"""The command: one composition root a process, and the servers that `up` embeds."""
