"""A home: the folder and the database that one business lives in."""

from store.bell import Bell
from store.engine import connect
from store.far_bell import FarBell
from store.journal import Journal
from store.migrate import migrate
from store.settings import Settings


def set_up(settings: Settings) -> None:
    """Make the folders and bring the database to this version's schema. Safe to run again; only `arbiter up` and tests call it."""
    for folder in (settings.lake, settings.files, settings.work, settings.run / "bells"):
        folder.mkdir(parents=True, exist_ok=True)
    engine = connect(settings.database_url, durability=settings.database.durability)
    migrate(engine)
    engine.dispose()
    journal = open_journal(settings)
    journal.begin()
    journal.close()


def open_journal(settings: Settings) -> Journal:
    """Open the journal of a home that has been set up."""
    engine = connect(settings.database_url, durability=settings.database.durability)
    near, far = Bell(settings.run / "bells"), settings.shared_url
    return Journal(engine, bell=near if far is None else FarBell(near, far))
