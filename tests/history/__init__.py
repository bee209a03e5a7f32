"""The history checker: judges a run by what both platforms saw, the log and the tables, using no code of the system."""
