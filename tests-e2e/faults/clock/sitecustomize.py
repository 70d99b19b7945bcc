"""A clock that a test can put wrong: Python runs this first when the folder is on PYTHONPATH.

The offset in seconds is a double in the file FAULTS_CLOCK. Only the time of day is changed, as on a machine
whose clock is wrong: what measures spans (`time.monotonic`, the event loop) goes on as before.
"""

import ctypes
import datetime as dt
import gc
import mmap
import os
import struct
import time
from pathlib import Path
from typing import Any

_OFFSET = struct.Struct("d")
_of_day, _of_day_ns, _now = time.time, time.time_ns, dt.datetime.now

with Path(os.environ["FAULTS_CLOCK"]).open("rb") as _file:
    _mapped = mmap.mmap(_file.fileno(), _OFFSET.size, prot=mmap.PROT_READ)


def _ahead() -> float:
    return float(_OFFSET.unpack(_mapped)[0])


def _shifted(cls: type[dt.datetime], tz: dt.tzinfo | None = None) -> Any:
    del cls
    return _now(tz) + dt.timedelta(seconds=_ahead())


time.time = lambda: _of_day() + _ahead()
time.time_ns = lambda: _of_day_ns() + int(_ahead() * 1e9)
# The class itself has to stay, since C code asks for it and no other, and Python lets nobody assign to it.
_methods: Any = gc.get_referents(dt.datetime.__dict__)[0]
_methods["now"] = classmethod(_shifted)
ctypes.pythonapi.PyType_Modified(ctypes.py_object(dt.datetime))
