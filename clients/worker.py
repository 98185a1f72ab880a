"""A worker: a program on any machine that does work for a house and brings what came of it.

    def write(job: Job) -> dict[str, Any]:
        job.progress(0.5, "reads")
        return {"summary": job.inputs["data"]["review"][:80]}

    Worker("http://127.0.0.1:8600", name="writer-1", password="…").serve(write, places=2)

Serves until it is told to stop. It comes back by itself when the server was away, and what it was working on meanwhile goes on; what was given to
somebody else in that time is dropped. A function that raises `Decline` gives the work back, `Failed` says that it cannot be done.
"""

import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from models.errors import ArbiterError, Forbidden, Unauthorized

WAIT_S = 10.0  # one question for work takes so long where there is none
FIRST_S, MOST_S = 0.2, 10.0  # before it asks a server again that is away: doubling, with full jitter
OPEN_S = 30.0


class Decline(ArbiterError):
    """Not for this worker: somebody else should do it."""

    def __init__(self, why: str, *, to: str | None = None) -> None:
        super().__init__(why)
        self.to = to  # the id of a colleague; null: whoever is best


class Failed(ArbiterError):
    """The work cannot be done."""

    def __init__(self, why: str, *, retryable: bool = False) -> None:
        super().__init__(why)
        self.retryable = retryable  # whether another try may help


class Stopped(ArbiterError):
    """The work is not wanted any more, or was given to somebody else."""


class Job:
    """One attempt. What it holds came from outside: data, never an instruction to this program."""

    def __init__(self, house: "House", given: Mapping[str, Any]) -> None:
        self.task_id: str = given["task_id"]
        self.attempt_id: str = given["attempt_id"]
        self.fence: int = given["fence"]
        self.title: str = given["title"]
        self.description: str = given["description"]
        self.category: str = given["category"]
        self.kind: str = given["kind"]  # of the inputs; `brief` is work in words
        self.inputs: dict[str, Any] = given["inputs"]  # a file is {"$href": …, "name": …}
        self.ends_at: str | None = given["ends_at"]  # when its time is over
        self._house = house
        self._stopped = threading.Event()
        self._goes_on = threading.Event()
        self._files: list[str] = []
        self._said: tuple[float | None, str] | None = None
        self.hear(given["do"])

    def check(self) -> None:
        """Wait while the task is paused; raise `Stopped` when the work is not wanted any more. To be called now and then."""
        while not self._stopped.is_set() and not self._goes_on.wait(0.2):
            pass
        if self._stopped.is_set():
            raise Stopped

    def progress(self, fraction: float | None, stage: str) -> None:
        """Tell how far the work is, 0 to 1, null when that cannot be known; also a check."""
        self.check()
        if self._said != (fraction, stage):
            self._said = (fraction, stage)
            self.say("progress", fraction=fraction, stage=stage)

    def download(self, file: Mapping[str, Any]) -> bytes:
        """Return the bytes of a file of the inputs."""
        return self._house.ask("GET", file["$href"]).content

    def attach(self, name: str, content: bytes) -> None:
        """Hand in a file that goes with the result."""
        answer = self._house.ask("POST", f"/work/{self.attempt_id}/files", params={"name": name, "fence": self.fence}, content=content)
        self._files.append(answer.json()["id"])

    def say(self, deed: str, **said: Any) -> None:
        """Say something about the attempt, and heed the answer. Raises `Failed` for what is refused, `Stopped` for an attempt that is lost."""
        files = {"files": self._files} if deed == "result" else {}
        answer = self._house.ask("POST", f"/work/{self.attempt_id}/{deed}", json={"fence": self.fence, **files, **said})
        self.hear(answer.json().get("do", "go_on"))

    def hear(self, do: str) -> None:
        """Heed what the house wants: `go_on`, `pause` or `stop`."""
        if do == "pause":
            self._goes_on.clear()
        else:
            self._goes_on.set()
        if do == "stop":
            self._stopped.set()


class House:
    """The API of a house, asked again until it answers."""

    def __init__(self, url: str, name: str, password: str, over: threading.Event) -> None:
        self._http = httpx.Client(base_url=url.rstrip("/"), trust_env=False, timeout=OPEN_S + WAIT_S)
        self._login = {"name": name, "password": password}
        self._token: str | None = None
        self._over = over

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer to a request.

        A server that is away is asked again until it is there, or this worker is over. Raises `Stopped` for an attempt that is lost or when it is
        over, `Failed` for what is refused, `Unauthorized` for a wrong password, `Forbidden` for an account that is no agent's.
        """
        tries = 0
        while True:
            try:
                answer = self._http.request(method, path, headers={"Authorization": f"Bearer {self._token or self._log_in()}"}, **options)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == httpx.codes.UNAUTHORIZED:
                self._token = None
            elif answer is not None and not answer.is_server_error:
                return _accepted(answer)
            if self._over.wait(random.uniform(0, min(MOST_S, FIRST_S * 2**tries))):  # noqa: S311 - jitter
                raise Stopped
            tries = min(tries + 1, 10)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def _log_in(self) -> str:
        answer = self._http.post("/token", json=self._login)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Unauthorized(_detail(answer))
        if answer.is_error:
            message = "the server is busy"
            raise httpx.ConnectError(message)
        self._token = str(answer.json()["access_token"])
        return self._token


class Worker:
    """Works as one agent of a house."""

    def __init__(self, url: str, *, name: str, password: str) -> None:
        """Say where and as whom; nothing is opened yet."""
        self._over = threading.Event()
        self._house = House(url, name, password, self._over)
        self._jobs: dict[str, Job] = {}
        self._beat_s = 5.0  # between signs of life, until the house says how soon they must come

    def stop(self) -> None:
        """End `serve`: nothing new is fetched, and functions that work are stopped at their next check. May be called by any thread."""
        self._over.set()
        for job in list(self._jobs.values()):
            job.hear("stop")

    def serve(self, function: Callable[[Job], Mapping[str, Any]], *, places: int = 2) -> None:
        """Fetch work and do it, so many attempts at once, until `stop`. The agent's capacity should be no greater than its places."""
        free = threading.Semaphore(places)
        beating = threading.Thread(target=self._beat, name="heartbeats", daemon=True)
        beating.start()
        try:
            with ThreadPoolExecutor(places, "job") as threads:
                while not self._over.is_set():
                    if not free.acquire(timeout=1):
                        continue
                    job = self._fetch()
                    if job is None:
                        free.release()
                    else:
                        self._jobs[job.attempt_id] = job
                        threads.submit(self._work, function, job).add_done_callback(lambda _: free.release())
        finally:
            self._over.set()
            beating.join()
            self._house.close()

    def _fetch(self) -> Job | None:
        try:
            answer = self._house.ask("POST", "/work/claim", json={"most": 1, "wait_s": WAIT_S}).json()
        except Stopped:
            return None
        except Failed as error:
            raise Forbidden(str(error)) from error
        self._beat_s = answer["lease_s"] / 4
        return Job(self._house, answer["items"][0]) if answer["items"] else None

    def _work(self, function: Callable[[Job], Mapping[str, Any]], job: Job) -> None:
        try:
            self._do(function, job)
        except (Stopped, Failed):
            pass  # lost, or over: whoever has the task now brings the result
        finally:
            del self._jobs[job.attempt_id]

    def _do(self, function: Callable[[Job], Mapping[str, Any]], job: Job) -> None:
        try:
            job.say("result", answer=dict(function(job)))
        except Decline as error:
            job.say("decline", why=str(error), to=error.to)
        except Failed as error:  # also an answer that is refused because it is not as it was asked for
            job.say("fail", error=str(error), retryable=error.retryable)
        except Stopped:
            if not self._over.is_set():  # a worker that ends says nothing: its attempts lapse, which counts as no try
                job.say("fail", error="stopped on request", retryable=True)
        except Exception as error:  # noqa: BLE001 - a bug of the function is its attempt's failure, never the worker's end
            job.say("fail", error=f"{type(error).__name__}: {error}"[:4000], retryable=True)

    def _beat(self) -> None:
        while not self._over.wait(self._beat_s):
            for job in list(self._jobs.values()):
                try:
                    job.say("heartbeat")
                except (Stopped, Failed, Unauthorized):
                    job.hear("stop")


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.status_code == httpx.codes.CONFLICT:
        raise Stopped(_detail(answer))
    if answer.is_error:
        raise Failed(_detail(answer))
    return answer


def _detail(answer: httpx.Response) -> str:
    return str(answer.json().get("detail", answer.text))
