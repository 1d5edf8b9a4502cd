"""The peers' side of the protocol of `benches/table.rs`: a line asks, a number answers."""

import sys
import time


def rate(seconds, f):
    """Calls of `f` per second, after a warm-up of a tenth of `seconds` (compilation aside)."""
    f()
    start = time.perf_counter()
    while time.perf_counter() - start < 0.1 * seconds:
        f()
    start, calls = time.perf_counter(), 0
    while True:
        f()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return calls / elapsed


def serve(tasks):
    """Answers lines of standard input with `tasks[name](*integers, seconds)`."""
    for line in sys.stdin:
        name, *numbers = line.split()
        integers = [int(n) for n in numbers[:-1]]
        print(tasks[name](*integers, float(numbers[-1])), flush=True)
