"""Alembic's entry: `jobs.database.Database.migrate` hands the open connection in."""

from alembic import context

from jobs.records import Record

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Record.metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
