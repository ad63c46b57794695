"""Copy the assembled sql/ into revision 1: allowed until 0.1.0 is tagged, from then on each change is a new revision."""

from jobstream.schema import alembic_folder, read_script, sql_folder

target = alembic_folder() / "versions" / "0001_first_schema.sql"
target.write_text(read_script(sql_folder()))
print(f"wrote {target.name}: {target.stat().st_size} bytes")
