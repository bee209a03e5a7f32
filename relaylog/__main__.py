"""`python -m relaylog` is the command `relaylog`."""

from relaylog.cli import main

main()
