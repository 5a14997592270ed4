"""Stop a function that runs too long, on any system and without a second process."""

import ctypes
import threading


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
    finished = threading.Event()

    def watch():
        wait = seconds
        while not finished.wait(wait):
            _raise_in(caller, ctypes.py_object(_Stop))
            wait = 0.2  # again, in case a bare `except:` swallowed it

    watcher = threading.Thread(target=watch, daemon=True)
    try:  # on a busy machine the time may be up before `start` returns
        watcher.start()
        return function(*args, **kwargs)
    except _Stop:
        raise TimeoutError(f"still running after {seconds:g} s") from None
    finally:
        _end(watcher, finished, caller)


def _end(watcher, finished, caller):
    """Leave no watcher behind that could stop the caller later."""
    while True:
        try:
            finished.set()
            watcher.join()
            _raise_in(caller, None)  # takes back a stop that was sent but not yet raised
            return
        except _Stop:
            continue


def _raise_in(thread, exception):
    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, exception)
