"""The supervisor: starts the services of a home, keeps them running, says what happens, and ends them in order."""

import contextlib
import json
import os
import queue
import signal
import threading
import time
from pathlib import Path
from types import FrameType

from cli import leash, processes
from cli.keeper import Change, Keeper
from cli.opening import Opening
from cli.output import Screen
from cli.processes import Identity
from cli.services import Service
from store.journal import Journal
from store.settings import Settings

TICK_S = 0.3
LOGS_S = 60.0  # between looks at the length of logs
# who ends first; runs report their end to Prefect:
ORDER = (("worker", "reserve"), ("dashboard", "api", "ship", "watch", "notify", "examples"), ("prefect",))
GRACE_S = {"worker": 4.0, "prefect": 2.5}
OTHERS_S = 2.5


class Supervisor:
    """All services of one home. `tick()` is called by the main thread only; keepers and the opening tell it things through a queue."""

    def __init__(self, settings: Settings, journal: Journal, wanted: list[Service], screen: Screen, *, outer: int) -> None:
        self._settings, self._screen, self._outer = settings, screen, outer
        self._news: queue.SimpleQueue[Change | tuple[str, str]] = queue.SimpleQueue()
        self._keepers = {service.name: Keeper(service, self.log(service.name), tell=self._news.put) for service in wanted}
        self.opening = Opening(
            journal,
            self._keepers["prefect"],
            self._keepers["worker"],
            home=settings.home,
            wanted=settings.dispatch.lanes + settings.dispatch.standby,
            note=lambda *note: self._news.put(note),
        )
        self._told_to_stop = threading.Event()
        self._began = time.monotonic()
        self._logs_at = self._began
        self._waited_for: set[str] = set()

    def log(self, name: str) -> Path:
        """Return the path of a service's log."""
        return self._settings.run / "logs" / f"{name}.log"

    def start(self) -> None:
        """Start everything that need not wait, and the opening that starts the rest."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note_signal)
        leash.inherit_orphans()
        page = self._keepers.get("dashboard")
        for keeper in self._keepers.values():
            if keeper.service.port != keeper.service.usual:
                self._screen.mark("warn", f"port {keeper.service.usual} is taken: {keeper.service.title} is at {keeper.service.port}")
            if keeper.service.waits_for is None:
                keeper.start(after=page.up if page and keeper.service.yields else None)
        self.opening.start()
        self._write()

    def tick(self) -> bool:
        """Say what is new and look after the processes; false when it is time to stop."""
        time.sleep(TICK_S)
        self._tell_news()
        self._show_progress()
        processes.reap_orphans({keeper.pid for keeper in self._keepers.values() if keeper.pid})
        if time.monotonic() - self._logs_at > LOGS_S:
            self._logs_at = time.monotonic()
            for keeper in self._keepers.values():
                processes.shorten(keeper.log)
        return not self._told_to_stop.is_set() and not leash.is_cut(self._outer)

    def is_up(self, name: str) -> bool:
        """Tell whether a service was well once."""
        return self._keepers[name].up.is_set()

    def url(self, name: str) -> str:
        """Return the address of a service."""
        return str(self._keepers[name].service.url)

    def stop(self) -> None:
        """End everything in order, within about ten seconds."""
        self._screen.progress("everything ends …", first=True)
        self.opening.end()
        for keeper in self._keepers.values():
            keeper.stop_keeping()
        for names in ORDER:
            keepers = [self._keepers[name] for name in names if name in self._keepers]
            threads = [threading.Thread(target=keeper.end, kwargs={"grace_s": GRACE_S.get(keeper.service.name, OTHERS_S)}) for keeper in keepers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if "worker" in names:
                self._end_orphans()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._screen.mark("ok", "everything has ended")

    @property
    def _path(self) -> Path:
        return self._settings.run / "services.json"

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._told_to_stop.set()

    def _end_orphans(self) -> None:
        """End what was handed to this process: flow runs whose worker died before them."""
        served = {keeper.pid for keeper in self._keepers.values()}
        orphans = [child for child in processes.descendants(os.getpid()) if child.pid not in served and child.ppid() == os.getpid()]
        processes.end([process for orphan in orphans for process in processes.family(orphan.pid)], grace_s=2)

    def _tell_news(self) -> None:
        told = False
        while not self._news.empty():
            told = True
            news = self._news.get()
            if isinstance(news, tuple):
                self._screen.mark(*news)
            else:
                self._tell(news)
        if told:
            self._write()

    def _tell(self, change: Change) -> None:
        title = change.service.title
        match change.state:
            case "up":
                self._screen.mark("ok", f"{title:<12} {change.service.url or ''}".rstrip())
            case "unwell":
                self._screen.mark("warn", f"{title} {change.why}")
            case "restarting":
                self._screen.mark("bad", f"{title} {change.why}; its log is {self.log(change.service.name)}")

    def _show_progress(self) -> None:
        waiting = [keeper.service for keeper in self._keepers.values() if keeper.state == "starting" and keeper.service.slow]
        if not waiting:
            return
        first = waiting[0].name not in self._waited_for
        self._waited_for.add(waiting[0].name)
        self._screen.progress(f"{waiting[0].slow} · {time.monotonic() - self._began:.0f} s", first=first)

    def _write(self) -> None:
        """Publish who runs where; readers see the old file or the new one, never half of it."""
        me = Identity.of(os.getpid())
        entry = {"supervisor": {"pid": me.pid, "born": me.born}, "services": {name: keeper.entry() for name, keeper in self._keepers.items()}}
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(entry, indent=2))
        draft.replace(self._path)
