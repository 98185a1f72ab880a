"""A worker as a process: `python tests/worker_process.py URL NAME PASSWORD`. What it does is said in the data of the work."""

import sys
import time
from typing import Any

from clients.worker import Decline, Failed, Job, Worker


def work(job: Job) -> dict[str, Any]:
    """Do what the data say."""
    data = job.inputs["data"]
    match data.get("do"):
        case "decline":
            raise Decline(data["why"], to=data.get("to"))
        case "fail":
            raise Failed(data["why"])
        case "break":
            return {"summary": 1 / 0}
        case "misfit":
            return {"summary": "x"}
        case "read":
            job.attach("copy.txt", job.download(job.inputs["files"]["note"]))
            return {"summary": job.download(job.inputs["files"]["note"]).decode(), "stars": 5}
        case "wait":
            for _ in range(10_000):
                job.progress(0.1, "waits")
                time.sleep(0.01)
    return {"summary": job.title, "stars": 3}


if __name__ == "__main__":
    Worker(sys.argv[1], name=sys.argv[2], password=sys.argv[3]).serve(work)
