"""Where trials are kept: a database that several processes and machines take from, with a heartbeat for each trial."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetrain.data.seals.project import Project
from drivetrain.errors import DataError, MissingExtraError, SettingError
from drivetrain.notices import warn
from drivetrain.settings import refuse, shown
from drivetrain.text import readable, short_reason

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from sqlalchemy.engine import URL

FILE = "tuning.db"
"""In the project folder, where no storage is named."""
HEARTBEAT_S, GRACE_S = 10, 60
"""A worker says so often that its trial goes on; one that was silent for so long is taken for dead."""
MOST_REPEATS = 2
"""A trial whose worker died is begun again so often: the third death in a row is its own fault."""
SUFFIXES = (".db", ".sqlite", ".sqlite3")
EXPECTED = "'sqlite:///runs.db', 'postgresql://user:password@host/database', the path of such a file, or None"
MEMORY = "memory"
"""Where trials are that are gone with the process."""
PACKAGES = {
    "psycopg": "'psycopg[binary]'", "psycopg2": "psycopg2-binary", "mysqldb": "mysqlclient", "pymysql": "PyMySQL",
}  # fmt: skip
"""Driver of a database → the package that brings it, where that has another name."""
_SECRET = re.compile("pass|pwd|secret|token|key", re.IGNORECASE)
"""In the name of a part of an address whose value nobody may read."""
OPENINGS = 8
"""Several workers that begin at once make the tables at once: whoever comes second tries again."""


def need_optuna() -> None:
    """Raise MissingExtraError where Optuna is not here."""
    try:
        import optuna  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport] - an optional package
    except ImportError as error:
        raise MissingExtraError(
            "tune needs Optuna, which is not installed; expected version 5 or later. To fix: pip install "
            "'drivetrain[tune]'"
        ) from error


@contextmanager
def silent() -> Generator[None]:
    """Inside this block Optuna prints nothing and does not warn that heartbeats are new."""
    import optuna  # noqa: PLC0415

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


@contextmanager
def answering(where: str) -> Generator[None]:
    """Inside this block, what a database says that fails in the middle becomes a DataError.

    Args:
        where: As people may read it.

    Raises:
        DataError: The database is gone, is full, or holds tables of these names that are not Optuna's.
    """
    from optuna.exceptions import StorageInternalError  # noqa: PLC0415 - an optional package
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        yield
    except (StorageInternalError, SQLAlchemyError, UnboundLocalError) as error:
        # Optuna's own words are the same for whatever happened, and its tidying up fails over it in turn
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, SQLAlchemyError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise
        raise DataError(
            f"the storage {where} cannot keep trials: {_reason(cause)}; expected a database of Optuna's that can be "
            "written to. To fix: look after the database, and give the same command again, which goes on; or name "
            "another one."
        ) from error


def _reason(error: BaseException) -> str:
    """What the database itself said, without the statement that it was asked."""
    return short_reason(getattr(error, "orig", None) or error)


def open_storage(storage: Any, project: Project) -> tuple[BaseStorage, str]:
    """The storage, and what people may read of where it is: no password.

    Args:
        storage: A URL, the path of an SQLite file, one of Optuna's storages, or None for a file in the project folder.
        project: Of the data.

    Raises:
        SettingError: It is no storage.
        MissingExtraError: The driver of that database is not installed.
        DataError: The database cannot be opened.
    """
    from optuna.storages import BaseStorage  # noqa: PLC0415 - an optional package

    if isinstance(storage, BaseStorage):
        if not _beats(storage):
            warn(
                f"storage is a {type(storage).__name__} without a heartbeat: the trial of a worker that is killed is "
                "not found and not repeated. To fix: pass a URL such as 'sqlite:///runs.db'."
            )
        return storage, type(storage).__name__
    if storage is None:
        return _in_project(project)
    if isinstance(storage, Path) or (isinstance(storage, str) and "://" not in storage):
        path = Path(storage)
        if path.suffix not in SUFFIXES:
            if "@" in str(storage) or _SECRET.search(str(storage)):
                raise _no_url()  # most likely an address that is miswritten
            named = readable(path) if path.name else "runs"
            refuse("storage", storage, EXPECTED, fix=f"To fix: storage='sqlite:///{named}.db'.")
        storage = f"sqlite:///{path}"
    if not isinstance(storage, str):
        refuse("storage", storage, EXPECTED)
    return _of_url(storage)


def _beats(storage: Any) -> bool:
    interval = getattr(storage, "get_heartbeat_interval", None)
    return interval is not None and interval() is not None


def _in_project(project: Project) -> tuple[BaseStorage, str]:
    from optuna.storages import InMemoryStorage  # noqa: PLC0415

    try:
        project.folder.mkdir(parents=True, exist_ok=True)
        return _of_url(f"sqlite:///{project.folder / FILE}")
    except (OSError, DataError) as error:
        warn(
            f"trials are kept in memory alone: {readable(project.folder)} cannot be written ({short_reason(error)}). "
            "To fix: name a storage, such as 'sqlite:////tmp/runs.db'."
        )
        return InMemoryStorage(), MEMORY


def _of_url(written: str) -> tuple[BaseStorage, str]:
    from optuna.storages import InMemoryStorage  # noqa: PLC0415
    from sqlalchemy.exc import NoSuchModuleError, OperationalError, SQLAlchemyError  # noqa: PLC0415

    said = _read(written)
    hidden = _without_secrets(said)
    if said.get_backend_name() == "sqlite":
        if said.database in (None, "", ":memory:"):
            return InMemoryStorage(), MEMORY  # SQLite's own is another one for each thread, the heartbeat's too
        folder = Path(said.database).parent
        if not folder.is_dir():
            refuse("storage", hidden, "a file in a folder that is there", fix=f"To fix: mkdir -p {readable(folder)}")
    url = said.render_as_string(hide_password=False)
    try:
        return _opened(url, sqlite=said.get_backend_name() == "sqlite"), hidden
    except NoSuchModuleError:
        return refuse("storage", hidden, EXPECTED)
    except ImportError as error:
        needed = said.get_driver_name()
        install = PACKAGES.get(needed, needed)
        raise MissingExtraError(
            f"storage={shown(hidden)} needs the package {needed}; expected it beside Optuna. To fix: pip install "
            f"{install}"
        ) from error
    except OperationalError as error:
        raise DataError(
            f"the storage {hidden} cannot be opened: {_reason(error)}; expected a database that can be written to. "
            "To fix: look whether it is there, who may write to it, and whether user and password are right."
        ) from None
    except (SQLAlchemyError, RuntimeError) as error:
        raise DataError(
            f"the storage {hidden} is no database of trials: {_reason(error)}; expected one that Optuna has made, "
            "or a new one. To fix: name another file or database."
        ) from None


def _read(written: str) -> URL:
    """An address, with the driver of PostgreSQL that is installed where it names none.

    Raises:
        SettingError: It is none; it is not shown, as it may hold a password.
    """
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        said = make_url(written)
    except (ArgumentError, ValueError):
        raise _no_url() from None
    if said.host is not None and "@" in said.host:
        raise SettingError(
            "storage has more than one @; expected the one before the host alone. To fix: write one in the password or "
            "the name as %40."
        )
    if said.drivername in ("postgres", "postgresql"):  # the first as hosts write it
        old = find_spec("psycopg") is None and find_spec("psycopg2") is not None
        said = said.set(drivername=f"postgresql+{'psycopg2' if old else 'psycopg'}")
    return said


def _without_secrets(said: URL) -> str:
    """As people may read it: `?password=` is one as well."""
    plain = {name: "hidden" if _SECRET.search(name) else value for name, value in said.query.items()}
    return said.set(query=plain).render_as_string(hide_password=True)


def _no_url() -> SettingError:
    return SettingError(f"storage is no URL of a database; expected {EXPECTED}. To fix: write one of these.")


def _opened(url: str, *, sqlite: bool) -> BaseStorage:
    from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    # of a server nothing is held open while a model trains for hours: the server or a router between would close it
    waiting: dict[str, Any] = {"connect_args": {"timeout": 60}} if sqlite else {"poolclass": NullPool}
    for attempt in range(OPENINGS):
        try:
            with silent():
                return RDBStorage(
                    url,
                    engine_kwargs=waiting,
                    heartbeat_interval=HEARTBEAT_S,
                    grace_period=GRACE_S,
                    heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=MOST_REPEATS),
                )
        except (SQLAlchemyError, RuntimeError, AssertionError) as error:
            if attempt == OPENINGS - 1 or not _at_once(error):
                raise
            time.sleep(0.1 * 2**attempt)
    raise AssertionError("unreachable")


def _at_once(error: BaseException) -> bool:
    """Whether another process may just be making the tables."""
    said = str(error).casefold()
    return any(
        word in said for word in ("already exists", "unique", "locked", "duplicate", "no such table", "one_or_none")
    )
