"""Alembic's door: runs the steps on the connection that ``upgrade`` holds, inside its transaction."""

from __future__ import annotations

from alembic import context

from strongroom.kernel.storage.migrations import VERSION_TABLE
from strongroom.kernel.storage.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
