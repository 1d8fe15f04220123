"""Operations: one file each. What stands here is about cold starts, and is done before anything else is imported."""

import gc
import os

# Nothing that an import makes is garbage, and looking for it lengthens a cold start: on_lambda turns it on again.
gc.disable()
# Pydantic would search every installed package for plugins of its own; none is ours.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
