"""What runs inside an environment, before anything of ours: see `sitecustomize`."""
