"""Ctrl-C at any moment, also while HDF5 is writing."""

from __future__ import annotations

import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.storage import processes, tiny
from vd4rl_data.storage import verify_dataset


def test_interrupts_at_any_moment_harm_nothing(tmp_path: Path) -> None:
    """Ctrl-C again and again, also while HDF5 is writing: no crash, no rest of a file."""
    code = """
armed = []
def interrupt(*_):
    if armed:
        armed.clear()
        raise KeyboardInterrupt
interrupted = written = 0
episodes = [tiny.episode_of(600, start=number) for number in range(3)]
tiny.write(folder / "first.h5", layout="packed")  # imports h5py: not to be interrupted
signal.signal(signal.SIGINT, interrupt)
end = time.monotonic() + 3
print("ready", flush=True)
while time.monotonic() < end:
    for layout in ("flat", "packed"):
        try:
            armed.append(True)
            tiny.write(folder / f"{layout}.h5", episodes, layout=layout)
            written += 1
            armed.clear()
        except KeyboardInterrupt:
            interrupted += 1
        gc.collect()
        left = [path.name for path in folder.iterdir() if path.suffix == ".incomplete"]
        assert not left, left
print(interrupted, written)
"""
    rng = random.Random(0)
    with processes.start(code, tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        reader: list[str] = []
        thread = threading.Thread(target=lambda: reader.extend(process.stdout or ()))
        thread.start()
        while thread.is_alive() and process.poll() is None:
            time.sleep(rng.random() * 0.04)
            process.send_signal(signal.SIGINT)
        thread.join()
        process.wait(timeout=60)
    # The very last signal may come when the interpreter has already put the handler away.
    assert process.returncode in (0, -signal.SIGINT), process.returncode
    interrupted, written = map(int, reader[-1].split())
    assert interrupted > 5
    for path in tmp_path.glob("*.h5"):
        assert verify_dataset(path).problems == ()
    assert written == 0 or list(tmp_path.glob("*.h5"))


def test_a_thread_writes_as_well(tmp_path: Path) -> None:
    """Signals can be held back in the main thread alone."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(tiny.write, tmp_path / "a.h5").result()
    assert verify_dataset(tmp_path / "a.h5").problems == ()
