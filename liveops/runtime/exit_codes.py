"""How a worker ends by itself; `liveops up` and Kubernetes start it again either way."""

from __future__ import annotations

#: A graceful stop took too long and was cut; state is at the broker.
STOP_CUT_SHORT = 1
#: State could not be read or written: only a new start from what is stored is right.
LOST_STATE = 70
