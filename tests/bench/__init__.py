"""`make bench`: our operations beside three peers, cold and warm, near and far; many at once; much data; the bill."""
