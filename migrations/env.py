"""Alembic runs here on the connection that `lyceum.kernel.migrate` opened as the owner."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
