"""Finds the two folders that travel with the package: `sql` and `alembic`.

Installed, they lie inside the package as `_sql` and `_alembic`; in a checkout, at its top. An editable install has
only the checkout's.
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parents[1]


def sql_folder() -> Path:
    """Return the folder with install.sql."""
    return _find("sql", mark="install.sql")


def alembic_folder() -> Path:
    """Return the folder with env.py and versions."""
    return _find("alembic", mark="env.py")


def _find(name: str, *, mark: str) -> Path:
    candidates = (PACKAGE / f"_{name}", CHECKOUT / name)
    for folder in candidates:
        if (folder / mark).is_file():
            return folder
    raise FileNotFoundError(
        f"{mark} is in none of {', '.join(map(str, candidates))}: the installation is incomplete"
    )
