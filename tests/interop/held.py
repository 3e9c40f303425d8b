"""Holds one thread of a process still for a moment, the others go on: a scheduler's bad luck, on request."""

from __future__ import annotations

import ctypes
import os
import threading

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17  # <sys/ptrace.h>
WALL = 0x40000000  # __WALL: wait for threads too

_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
_ptrace.restype = ctypes.c_long


def _call(request: int, tid: int) -> None:
    if _ptrace(request, tid, None, None) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"ptrace {request:#x} of thread {tid}: {os.strerror(code)}")


class Held:
    """with Held(tid, seconds): the thread stands still from here on, for `seconds`, whatever happens inside the block.

    Linux lets only the thread that attached detach again, hence a thread of our own.
    """

    def __init__(self, tid: int, seconds: float):
        self._tid, self._seconds = tid, seconds
        self._still, self._error = threading.Event(), None
        self._thread = threading.Thread(target=self._hold, daemon=True)

    def _hold(self) -> None:
        try:
            _call(PTRACE_SEIZE, self._tid)
            _call(PTRACE_INTERRUPT, self._tid)
            os.waitpid(self._tid, WALL)
            self._still.set()
            threading.Event().wait(self._seconds)
            _call(PTRACE_DETACH, self._tid)
        except OSError as error:
            self._error = error
            self._still.set()

    def __enter__(self) -> Held:
        self._thread.start()
        if not self._still.wait(10):
            raise TimeoutError(f"thread {self._tid} does not stand still")
        if self._error:
            raise self._error
        return self

    def __exit__(self, *_) -> None:
        self._thread.join()
        if self._error:
            raise self._error
