"""Operations: one file each."""

import gc

# Nothing that an import makes is garbage, and looking for it is a tenth of a cold start: on_lambda turns it on again.
gc.disable()
