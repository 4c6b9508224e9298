"""The code of a worker process: do one item after the other until the parent says so or dies."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import traceback
import warnings
from typing import Any, BinaryIO

from vd4rl_data.errors import Vd4rlError, WorkerError
from vd4rl_data.processes.engine import Session
from vd4rl_data.processes.wire import Send, receive_pickle, send_checked, send_pickle

END = None
"""The last request: close the session and exit."""


def main() -> None:
    """Serve requests from standard input; answers go to what was standard output at the start.

    Whatever is printed afterwards goes to standard error and cannot break the protocol. Interrupts
    are left to the parent. If the parent dies, this process ends at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answered = os.dup(1)
    os.dup2(2, 1)
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    threading.Thread(target=_read, args=(source, requests), daemon=True).start()
    job, limits = requests.get()
    send: Send = send_pickle if limits is None else send_checked
    try:
        with os.fdopen(answered, "wb", buffering=0) as answers:
            _serve(job, limits, requests, answers, send)
    except BrokenPipeError:
        os._exit(1)  # the parent is gone; a normal exit would try to flush into the same pipe


def _read(source: BinaryIO, requests: queue.SimpleQueue[Any]) -> None:
    with source:
        while True:
            try:
                request = receive_pickle(source)
            except EOFError:
                os._exit(1)  # the parent died
            requests.put(request)
            if request is END:
                return


def _serve(
    job: Any, limits: Any, requests: queue.SimpleQueue[Any], answers: BinaryIO, send: Send
) -> None:
    session: Session | None = None
    try:
        if limits is not None:
            limits.bound_memory()
        session = opened = job.open()
        send(answers, ("ready", getattr(session, "greeting", None)))
        while (item := requests.get()) is not END:
            if limits is not None:
                limits.bound_processor_time()
            try:
                send(answers, ("done", _make(opened, item[0], answers, send)))
            except Exception as error:  # noqa: BLE001 - the parent raises it
                _tell(error, answers, send)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        _tell(error, answers, send)
    finally:
        if session is not None:
            session.close()


def _tell(error: Exception, answers: BinaryIO, send: Send) -> None:
    """Send an error to the parent, which raises it; an unexpected error ends an untrusted process,
    whose traceback could not be trusted.
    """
    if isinstance(error, BrokenPipeError):
        raise error
    if send is not send_checked:
        send(answers, ("failed", portable(error)))
    elif isinstance(error, MemoryError):
        send(answers, ("memory", None))
    elif isinstance(error, Vd4rlError):
        send(answers, ("error", {"type": type(error).__name__, "message": str(error)}))
    else:
        raise error


def _make(session: Session, item: Any, answers: BinaryIO, send: Send) -> Any:
    """The result of an item, with the warnings that were given."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        result = session.make(item, lambda said: send(answers, ("report", said)))
    if send is send_checked:
        return None
    return result, [(note.category, str(note.message)) for note in caught]


def portable(error: Exception) -> Exception:
    """Convert an error to one that can be raised in another process."""
    if isinstance(error, Vd4rlError):
        return error
    text = "".join(traceback.format_exception(error))
    return WorkerError(f"a worker process raised:\n{text}")


if __name__ == "__main__":
    sys.exit("this module is started by vd4rl_data.processes")
