"""What runs the operations rather than answers a request."""
