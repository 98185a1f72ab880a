"""The few calls to Prefect's REST API that the supervisor needs. Each may fail with `Unavailable`: Prefect answers 503 under load."""

from dataclasses import dataclass
from typing import Any

import httpx

from models.clock import iso
from models.errors import Unavailable

MOST = 200  # flow runs looked at in one call, Prefect's own limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefect:
    """Prefect's API at an address that ends in `/api`."""

    url: str

    def deployment(self, name: str) -> dict[str, Any] | None:
        """Return a deployment by `<flow>/<deployment>`, or null when it does not exist."""
        found = self._call("GET", f"/deployments/name/{name}", absent=None)
        return found if isinstance(found, dict) else None

    def start_run(self, name: str, parameters: dict[str, Any] | None = None) -> str:
        """Ask for a run of a deployment now; return the id of the flow run."""
        deployment = self.deployment(name)
        if deployment is None:
            message = f"Prefect knows no deployment {name}"
            raise Unavailable(message)
        run = self._call("POST", f"/deployments/{deployment['id']}/create_flow_run", {"parameters": parameters or {}})
        return str(run["id"])

    def runs(self, states: list[str], *, due_before: int | None = None) -> list[dict[str, Any]]:
        """Return flow runs in these states, those due before an instant only when one is given."""
        which: dict[str, Any] = {"state": {"type": {"any_": states}}}
        if due_before is not None:
            which["next_scheduled_start_time"] = {"before_": iso(due_before)}
        found: list[dict[str, Any]] = self._call("POST", "/flow_runs/filter", {"flow_runs": which, "limit": MOST})
        return found

    def set_state(self, run_id: str, state: str, message: str) -> None:
        """Give a flow run a final state, whatever state it is in."""
        answer = self._call("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": state, "message": message}, "force": True})
        if answer["status"] != "ACCEPT":
            message = f"Prefect did not let flow run {run_id} become {state}: {answer}"
            raise Unavailable(message)

    def automations(self) -> set[str]:
        """Return the names of all automations."""
        found = self._call("POST", "/automations/filter", {"limit": MOST})
        return {str(automation["name"]) for automation in found}

    def automate(self, automation: dict[str, Any]) -> None:
        """Create an automation, written as in automations.yaml."""
        self._call("POST", "/automations/", automation)

    def has_worker(self, pool: str) -> bool:
        """Tell whether a worker of a work pool is online."""
        found = self._call("POST", f"/work_pools/{pool}/workers/filter", {}, absent=[])
        return any(worker["status"] == "ONLINE" for worker in found)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None, *, absent: Any = ...) -> Any:
        try:
            answer = httpx.request(method, self.url + path, json=body, timeout=15, trust_env=False)
        except httpx.HTTPError as error:
            message = f"Prefect cannot be reached at {self.url}: {error}"
            raise Unavailable(message) from error
        if answer.status_code == httpx.codes.NOT_FOUND and absent is not ...:
            return absent
        if not answer.is_success:
            message = f"Prefect refused {path}: {answer.status_code} {answer.text[:300]}"
            raise Unavailable(message)
        return answer.json() if answer.content else None
