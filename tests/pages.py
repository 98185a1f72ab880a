"""The dashboard without a browser, as somebody sees it who has logged in."""

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from store.settings import PROJECT
from tests.api_server import PASSWORD

PATIENCE_S = 60


def opened(**query: str) -> AppTest:
    """Return the app as somebody finds it who opens it."""
    return _run(AppTest.from_file(str(PROJECT / "dashboards" / "app.py"), default_timeout=PATIENCE_S), query)


def logged_in(name: str, password: str = PASSWORD, **query: str) -> AppTest:
    app = opened(**query)
    app.text_input(key="name").input(name)
    app.text_input(key="password").input(password)
    app.button[0].click()
    return app.run()


def view(name: str, app: AppTest, **query: str) -> AppTest:
    """Return one page as the person sees it who is logged in to `app`."""

    def shown(name: str) -> None:
        import importlib

        from dashboards import faces

        with faces.guard():
            importlib.import_module(f"dashboards.views.{name}").show()

    return drawn(shown, app, query, name=name)


def drawn(script: Callable[..., None], app: AppTest, query: dict[str, str] | None = None, **arguments: object) -> AppTest:
    """Return what a script draws for the person who is logged in to `app`."""
    other = AppTest.from_function(script, default_timeout=PATIENCE_S, kwargs=arguments)
    for key in ("login", "session", "pages"):
        other.session_state[key] = app.session_state[key]
    return _run(other, query or {})


def texts(app: AppTest) -> str:
    """Return everything that a page says."""
    kinds = (app.title, app.header, app.markdown, app.caption, app.error, app.warning, app.info)
    return "\n".join(str(element.value) for elements in kinds for element in elements)


def _run(app: AppTest, query: dict[str, str]) -> AppTest:
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()
