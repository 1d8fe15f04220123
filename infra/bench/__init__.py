"""`make bench`: our operations beside two peers, in one run: *bare*, without a framework, and *usual*, as taught."""
