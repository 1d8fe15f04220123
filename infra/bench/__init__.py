"""`make bench`: our operations beside two peers, in one run: *bare*, with no framework, and *usual*, as most write it."""
