"""`python -m promotion_gate` is the command `promotion-gate`."""

from promotion_gate.cli import main

main()
