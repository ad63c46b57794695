"""The list in install.sql is the schema, whole and in order."""

from pathlib import Path

import pytest

from jobstream.schema import listed_files, read_script, sql_folder, without_roles


def test_every_file_of_the_folder_is_listed_once() -> None:
    folder = sql_folder()
    present = {str(path.relative_to(folder)) for path in folder.rglob("*.sql")} - {"install.sql"}
    assert sorted(listed_files(folder)) == sorted(present)


def test_roles_are_cut_out_between_their_markers(tmp_path: Path) -> None:
    (tmp_path / "roles").mkdir()
    (tmp_path / "install.sql").write_text("-- list\n\\ir a.sql\n\\ir roles/r.sql\n\\ir b.sql\n")
    (tmp_path / "a.sql").write_text("select 'a';\n")
    (tmp_path / "b.sql").write_text("select 'b';\n")
    (tmp_path / "roles" / "r.sql").write_text("create role r;\n")
    assert "create role r;" in read_script(tmp_path)
    assert without_roles(read_script(tmp_path)).split("\n") == [
        *("-- a.sql", "select 'a';", "", "", "-- b.sql", "select 'b';", "")
    ]


def test_statement_in_the_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "install.sql").write_text("create table stray ();\n")
    with pytest.raises(ValueError, match=r"install\.sql:1"):
        listed_files(tmp_path)
