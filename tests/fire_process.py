"""A shift in a process of its own whose clock runs faster; it fires until it is killed.

`python -m tests.fire_process <begin, µs> <real begin, s> <speed>`
"""

import sys
import time

from store.home import open_journal
from store.settings import load
from tasks.shift import Shift


def main() -> None:
    begin, real_begin, speed = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    journal = open_journal(load())
    journal.clock = lambda: begin + int((time.time() - real_begin) * speed * 1e6)
    with Shift(journal, load()) as shift:
        while shift.open:
            shift.claims(busy=10**6)  # no slot is free: it fires and leaves the tasks
            shift.wait()


if __name__ == "__main__":
    main()
