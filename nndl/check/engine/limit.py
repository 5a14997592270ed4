"""Stop a function that runs too long, on any system and without a second process."""

import ctypes
import threading
import time


class _Stop(BaseException):
    """Raised inside the running function; no `except Exception` of a student catches it."""


def limited(seconds, function, *args, **kwargs):
    """Call a function and stop it after a time.

    Parameters
    ----------
    seconds : float
    function : callable
        Must run Python code from time to time: a single endless call into C is not stopped.
    *args, **kwargs
        Of the function.

    Returns
    -------
    object
        What the function returns.

    Raises
    ------
    TimeoutError
        The function was still running after `seconds`.
    """
    caller = ctypes.c_ulong(threading.get_ident())
    finished, fired = threading.Event(), threading.Event()

    def watch():
        wait = seconds
        while not finished.wait(wait):
            fired.set()
            _raise_in(caller)
            wait = 0.2  # again, in case a bare `except:` swallowed it

    watcher = threading.Thread(target=watch, daemon=True)
    try:  # on a busy machine the time may be up before `start` returns
        watcher.start()
        return function(*args, **kwargs)
    except _Stop:
        raise TimeoutError(f"still running after {seconds:g} s") from None
    finally:
        _end(watcher, finished, fired, caller)


def _end(watcher, finished, fired, caller):
    """Leave no watcher behind that could stop the caller later, and no stop still to come."""
    while True:
        try:
            finished.set()
            watcher.join()
            if not fired.is_set():
                return
            # A stop that was sent may not have been raised yet. Taking it back would leave the
            # interpreter looking for it at every call, so it is made to come here.
            _raise_in(caller)
            while True:
                time.sleep(0)
        except _Stop:
            if not watcher.is_alive():
                return


def _raise_in(thread):
    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_Stop))
