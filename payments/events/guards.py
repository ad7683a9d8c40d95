"""Tables that only grow: the database itself refuses to change or remove a row.

A migration operation for PostgreSQL and SQLite. On PostgreSQL a row trigger does not see TRUNCATE,
so a statement trigger stands beside it; on SQLite `INSERT OR REPLACE` is seen only with
`recursive_triggers` on, which the settings see to.
"""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

_POSTGRESQL = (
    """CREATE FUNCTION {0}_only_grows() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{0} is append-only'; END $$""",
    """CREATE TRIGGER {0}_keeps_rows BEFORE UPDATE OR DELETE ON {0}
    FOR EACH ROW EXECUTE FUNCTION {0}_only_grows()""",
    """CREATE TRIGGER {0}_keeps_all BEFORE TRUNCATE ON {0}
    FOR EACH STATEMENT EXECUTE FUNCTION {0}_only_grows()""",
)
_POSTGRESQL_OFF = (
    "DROP TRIGGER {0}_keeps_rows ON {0}",
    "DROP TRIGGER {0}_keeps_all ON {0}",
    "DROP FUNCTION {0}_only_grows()",
)
_SQLITE = tuple(
    f"CREATE TRIGGER {{0}}_no_{verb} BEFORE {verb.upper()} ON {{0}}"
    " BEGIN SELECT RAISE(ABORT, '{0} is append-only'); END"
    for verb in ("update", "delete")
)
_SQLITE_OFF = ("DROP TRIGGER {0}_no_update", "DROP TRIGGER {0}_no_delete")
_ON = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}
_OFF = {"postgresql": _POSTGRESQL_OFF, "sqlite": _SQLITE_OFF}


class AppendOnly(Operation):
    """Guard a table from now on; reversed, let go of it."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, table: str) -> None:
        self.table = table

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models do not change."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,
        to_state: Any,
    ) -> None:
        for statement in self.guards(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,
        to_state: Any,
    ) -> None:
        for statement in self.releases(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    def guards(self, vendor: str) -> list[str]:
        """What sets the triggers."""
        return [statement.format(self.table) for statement in _ON[vendor]]

    def releases(self, vendor: str) -> list[str]:
        """What removes them."""
        return [statement.format(self.table) for statement in _OFF[vendor]]

    def describe(self) -> str:
        return f"Let {self.table} only grow"
