"""Which web pages may open the feed: a browser sends the origin of the page, and no page can leave it out or invent it."""

import json
from urllib.parse import urlsplit

from store.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")  # three names of the same machine: people type any of them


def is_ours(origin: str, host: str, settings: Settings) -> bool:
    """Tell whether pages of an origin may use the feed: those of this server (`host` is the request's own), of the dashboard, and of the settings."""
    if origin in settings.api.origins or urlsplit(origin).netloc == host:
        return True
    dashboard = urlsplit(_dashboard(settings))
    if not dashboard.netloc:
        return False
    names = LOOPBACK if dashboard.hostname in {"127.0.0.1", "localhost", "::1"} else (dashboard.hostname,)
    return origin in {f"{dashboard.scheme}://{name}:{dashboard.port}" for name in names}


def _dashboard(settings: Settings) -> str:
    """Return the dashboard's address as `arbiter up` noted it; empty when it does not run."""
    try:
        known = json.loads((settings.run / "services.json").read_text())
    except FileNotFoundError:
        return ""
    except ValueError:  # being written just now; the page tries again
        return ""
    return str(known.get("services", {}).get("dashboard", {}).get("url") or "")
