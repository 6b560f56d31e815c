"""Foundation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "console_session",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_ms", sa.BigInteger(), nullable=False),
        sa.Column("must_change", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("console_session_end", "console_session", ["ends_ms"], unique=False)
    op.create_index("console_session_user", "console_session", ["user_id"], unique=False)
    op.create_table(
        "feed_dead_letter",
        sa.Column("webhook", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("webhook", "number"),
        info={"quiet": True},
    )
    op.create_table(
        "feed_event",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        info={"quiet": True},
    )
    op.create_index("feed_event_by_moment", "feed_event", ["at_ms"], unique=False)
    op.create_table(
        "feed_webhook",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("dead", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        info={"quiet": True},
    )
    op.create_table(
        "functions_code",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("pk"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "functions_event",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("function_pk", sa.Integer(), nullable=False),
        sa.Column("version_pk", sa.Integer(), nullable=False),
        sa.Column("function_arn", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_functions_event_function_pk"), "functions_event", ["function_pk"], unique=False)
    op.create_table(
        "functions_function",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("account", "region", "name", name="functions_function_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "functions_layer",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("code_pk", sa.Integer(), nullable=False),
        sa.Column("code_sha256", sa.Text(), nullable=False),
        sa.Column("code_size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("account", "region", "name", "number", name="functions_layer_number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "iam_access_key_use",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        info={"quiet": True},
    )
    op.create_table(
        "iam_account",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=True),
        sa.Column("password_policy", sa.Text(), nullable=True),
        sa.Column("report_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("alias"),
    )
    op.create_table(
        "iam_attempt",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_table(
        "iam_entity",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("boundary", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "kind", "name_key"),
    )
    op.create_index("iam_entity_boundary", "iam_entity", ["account", "boundary"], unique=False)
    op.create_table(
        "iam_openid_provider",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("client_ids", sa.Text(), nullable=False),
        sa.Column("thumbprints", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("arn"),
        sa.UniqueConstraint("account", "issuer"),
    )
    op.create_table(
        "iam_tag",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("key_folded", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "key_folded"),
    )
    op.create_table(
        "jobs_fence",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        info={"quiet": True},
    )
    op.create_table(
        "jobs_job",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "key"),
        info={"quiet": True},
    )
    op.create_index("jobs_job_by_due", "jobs_job", ["due_ms"], unique=False)
    op.create_table(
        "kernel_changed",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        info={"quiet": True},
    )
    op.create_table(
        "kernel_commit",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("committed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
        info={"quiet": True},
        sqlite_with_rowid=False,
    )
    op.create_table(
        "kernel_generation",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "kind"),
    )
    op.create_table(
        "kernel_setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "kernel_token_key",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "kms_key",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("deletion_ms", sa.BigInteger(), nullable=True),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("manager", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("material_id", sa.Text(), nullable=True),
        sa.Column("multi_region", sa.Text(), nullable=True),
        sa.Column("window_days", sa.Integer(), nullable=True),
        sa.Column("rotation_days", sa.Integer(), nullable=True),
        sa.Column("rotation_ms", sa.BigInteger(), nullable=True),
        sa.Column("on_demand", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("account", "region", "key_id", name="kms_key_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "local_import",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("begun_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("next_line", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("present", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "sha256"),
        info={"quiet": True},
    )
    op.create_table(
        "logs_group",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("account", "region", "name", name="logs_group_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "metrics_calls",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "service", "operation", "period", "start_ms"),
        info={"quiet": True},
    )
    op.create_index("metrics_calls_old", "metrics_calls", ["period", "start_ms"], unique=False)
    op.create_table(
        "metrics_secrets",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("secrets", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "start_ms"),
        info={"quiet": True},
    )
    op.create_index("metrics_secrets_old", "metrics_secrets", ["start_ms"], unique=False)
    op.create_table(
        "metrics_use",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("day_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("reads", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "resource", "principal", "service", "region", "day_ms"),
        info={"quiet": True},
    )
    op.create_index("metrics_use_old", "metrics_use", ["day_ms"], unique=False)
    op.create_table(
        "nodes_answer",
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("question", "node"),
        info={"quiet": True},
    )
    op.create_table(
        "nodes_question",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        info={"quiet": True},
    )
    op.create_table(
        "sealing_holder",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("noted_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node"),
    )
    op.create_table(
        "sealing_key",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "sealing_root",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("check_value", sa.Text(), nullable=False),
        sa.Column("begun_ms", sa.BigInteger(), nullable=False),
        sa.Column("retired_ms", sa.BigInteger(), nullable=True),
        sa.Column("under_next", sa.LargeBinary(), nullable=True),
        sa.Column("under_previous", sa.LargeBinary(), nullable=True),
        sa.Column("progress", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "secretsmanager_count",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region"),
    )
    op.create_table(
        "secretsmanager_secret",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("suffix", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("accessed_day", sa.BigInteger(), nullable=False),
        sa.Column("deleted_ms", sa.BigInteger(), nullable=True),
        sa.Column("kms_key_id", sa.Text(), nullable=True),
        sa.Column("owning_service", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=True),
        sa.Column("has_policy", sa.Integer(), nullable=False),
        sa.Column("primary_region", sa.Text(), nullable=True),
        sa.Column("primary_pk", sa.Integer(), nullable=True),
        sa.Column("rotation_lambda_arn", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("rotation_enabled", sa.Integer(), nullable=True),
        sa.Column("rotation_rules", sa.Text(), nullable=True),
        sa.Column("rotation_metadata", sa.Text(), nullable=True),
        sa.Column("rotation_role_arn", sa.Text(), nullable=True),
        sa.Column("rotated_ms", sa.BigInteger(), nullable=True),
        sa.Column("next_rotation_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["primary_pk"],
            ["secretsmanager_secret.pk"],
        ),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("account", "region", "name", name="secretsmanager_secret_name"),
        info={"owner": "pk"},
        sqlite_autoincrement=True,
    )
    op.create_index(
        "secretsmanager_secret_accessed",
        "secretsmanager_secret",
        ["account", "region", "accessed_day", "pk"],
        unique=False,
    )
    op.create_index(
        "secretsmanager_secret_changed",
        "secretsmanager_secret",
        ["account", "region", "changed_ms", "pk"],
        unique=False,
    )
    op.create_index(
        "secretsmanager_secret_created",
        "secretsmanager_secret",
        ["account", "region", "created_ms", "pk"],
        unique=False,
    )
    op.create_index(
        "secretsmanager_secret_next_rotation",
        "secretsmanager_secret",
        ["account", "region", "next_rotation_ms", "primary_pk"],
        unique=False,
        sqlite_where=sa.text("next_rotation_ms IS NOT NULL"),
        postgresql_where=sa.text("next_rotation_ms IS NOT NULL"),
    )
    op.create_index(
        "secretsmanager_secret_primary",
        "secretsmanager_secret",
        ["primary_pk"],
        unique=False,
        sqlite_where=sa.text("primary_pk IS NOT NULL"),
        postgresql_where=sa.text("primary_pk IS NOT NULL"),
    )
    op.create_index(
        "secretsmanager_secret_rotated",
        "secretsmanager_secret",
        ["account", "region", "name"],
        unique=False,
        sqlite_where=sa.text("rotation_enabled IS NOT NULL"),
        postgresql_where=sa.text("rotation_enabled IS NOT NULL"),
    )
    op.create_table(
        "secretsmanager_word",
        sa.Column("mark", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("secret_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("mark", "word", "secret_pk"),
        info={"owner": "secret_pk"},
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trail_copied",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "number"),
        info={"quiet": True},
    )
    op.create_table(
        "trail_head",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node", "number"),
        info={"quiet": True},
    )
    op.create_table(
        "trail_piece",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begin", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "number", "begin"),
        info={"quiet": True},
    )
    op.create_table(
        "functions_alias",
        sa.Column("function_pk", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["function_pk"],
            ["functions_function.pk"],
        ),
        sa.PrimaryKeyConstraint("function_pk", "name"),
    )
    op.create_table(
        "functions_policy",
        sa.Column("function_pk", sa.Integer(), nullable=False),
        sa.Column("qualifier", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["function_pk"],
            ["functions_function.pk"],
        ),
        sa.PrimaryKeyConstraint("function_pk", "qualifier"),
    )
    op.create_table(
        "functions_version",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("function_pk", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("environment", sa.LargeBinary(), nullable=True),
        sa.Column("code_pk", sa.Integer(), nullable=False),
        sa.Column("code_sha256", sa.Text(), nullable=False),
        sa.Column("code_size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["function_pk"],
            ["functions_function.pk"],
        ),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("function_pk", "number", name="functions_version_number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "iam_access_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["iam_entity.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_iam_access_key_user_id"), "iam_access_key", ["user_id"], unique=False)
    op.create_table(
        "iam_attachment",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("policy_arn", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["holder"],
            ["iam_entity.id"],
        ),
        sa.PrimaryKeyConstraint("holder", "policy_arn"),
    )
    op.create_index("iam_attachment_policy", "iam_attachment", ["account", "policy_arn"], unique=False)
    op.create_table(
        "iam_inline_policy",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["holder"],
            ["iam_entity.id"],
        ),
        sa.PrimaryKeyConstraint("holder", "name"),
    )
    op.create_table(
        "iam_instance_profile_role",
        sa.Column("profile_id", sa.Text(), nullable=False),
        sa.Column("role_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["profile_id"],
            ["iam_entity.id"],
        ),
        sa.ForeignKeyConstraint(
            ["role_id"],
            ["iam_entity.id"],
        ),
        sa.PrimaryKeyConstraint("profile_id"),
    )
    op.create_index(
        op.f("ix_iam_instance_profile_role_role_id"), "iam_instance_profile_role", ["role_id"], unique=False
    )
    op.create_table(
        "iam_login_profile",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("reset_required", sa.Integer(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["iam_entity.id"],
        ),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "iam_membership",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["iam_entity.id"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["iam_entity.id"],
        ),
        sa.PrimaryKeyConstraint("group_id", "user_id"),
    )
    op.create_index(op.f("ix_iam_membership_user_id"), "iam_membership", ["user_id"], unique=False)
    op.create_table(
        "iam_mfa_device",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("enabled_ms", sa.BigInteger(), nullable=True),
        sa.Column("drift", sa.Integer(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["iam_entity.id"],
        ),
        sa.PrimaryKeyConstraint("serial"),
        sa.UniqueConstraint("account", "name_key"),
    )
    op.create_index(op.f("ix_iam_mfa_device_user_id"), "iam_mfa_device", ["user_id"], unique=False)
    op.create_table(
        "iam_policy",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.Column("default_version", sa.Integer(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["id"],
            ["iam_entity.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "iam_role",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.Column("max_session_s", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["id"],
            ["iam_entity.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "kms_alias",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_pk", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_pk"],
            ["kms_key.pk"],
        ),
        sa.PrimaryKeyConstraint("account", "region", "name"),
    )
    op.create_index(op.f("ix_kms_alias_key_pk"), "kms_alias", ["key_pk"], unique=False)
    op.create_table(
        "kms_grant",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("key_pk", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("grantee", sa.Text(), nullable=False),
        sa.Column("retiring", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("operations", sa.Text(), nullable=False),
        sa.Column("constraints", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_pk"],
            ["kms_key.pk"],
        ),
        sa.PrimaryKeyConstraint("grant_id"),
    )
    op.create_index("kms_grant_retiring", "kms_grant", ["retiring"], unique=False)
    op.create_index("kms_grant_to", "kms_grant", ["key_pk", "grantee"], unique=False)
    op.create_table(
        "kms_material",
        sa.Column("key_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("material_id", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("rotated_ms", sa.BigInteger(), nullable=True),
        sa.Column("rotation", sa.Text(), nullable=True),
        sa.Column("valid_to_ms", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["key_pk"],
            ["kms_key.pk"],
        ),
        sa.PrimaryKeyConstraint("key_pk", "material_id"),
    )
    op.create_table(
        "kms_tag",
        sa.Column("key_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_pk"],
            ["kms_key.pk"],
        ),
        sa.PrimaryKeyConstraint("key_pk", "key"),
    )
    op.create_table(
        "logs_stream",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("group_pk", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_ms", sa.BigInteger(), nullable=True),
        sa.Column("ingested_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_pk"],
            ["logs_group.pk"],
        ),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("group_pk", "name", name="logs_stream_name"),
        info={"quiet": True},
        sqlite_autoincrement=True,
    )
    op.create_table(
        "secretsmanager_label",
        sa.Column("secret_pk", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("version_pk", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["secret_pk"],
            ["secretsmanager_secret.pk"],
        ),
        sa.PrimaryKeyConstraint("secret_pk", "label"),
        info={"owner": "secret_pk"},
        sqlite_with_rowid=False,
    )
    op.create_table(
        "secretsmanager_policy",
        sa.Column("secret_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["secret_pk"],
            ["secretsmanager_secret.pk"],
        ),
        sa.PrimaryKeyConstraint("secret_pk"),
        info={"owner": "secret_pk"},
    )
    op.create_table(
        "secretsmanager_replica",
        sa.Column("primary_pk", sa.Integer(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("kms_key_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("secret_pk", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["primary_pk"],
            ["secretsmanager_secret.pk"],
        ),
        sa.PrimaryKeyConstraint("primary_pk", "region"),
    )
    op.create_table(
        "secretsmanager_rotation",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("secret_pk", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("test", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["secret_pk"],
            ["secretsmanager_secret.pk"],
        ),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("secret_pk", "version_id", name="secretsmanager_rotation_version"),
        info={"quiet": True},
        sqlite_autoincrement=True,
    )
    op.create_index(
        "secretsmanager_rotation_unsuccessful",
        "secretsmanager_rotation",
        ["pk"],
        unique=False,
        sqlite_where=sa.text("state IN ('pending', 'failed')"),
        postgresql_where=sa.text("state IN ('pending', 'failed')"),
    )
    op.create_table(
        "secretsmanager_tag",
        sa.Column("secret_pk", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["secret_pk"],
            ["secretsmanager_secret.pk"],
        ),
        sa.PrimaryKeyConstraint("secret_pk", "key"),
        info={"owner": "secret_pk"},
        sqlite_with_rowid=False,
    )
    op.create_index("secretsmanager_tag_key", "secretsmanager_tag", ["key", "secret_pk"], unique=False)
    op.create_index("secretsmanager_tag_value", "secretsmanager_tag", ["value", "secret_pk"], unique=False)
    op.create_table(
        "secretsmanager_version",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("secret_pk", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("accessed_day", sa.BigInteger(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("kms_key_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["secret_pk"],
            ["secretsmanager_secret.pk"],
        ),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("secret_pk", "version_id", name="secretsmanager_version_id"),
        info={"owner": "secret_pk"},
        sqlite_autoincrement=True,
    )
    op.create_table(
        "iam_policy_version",
        sa.Column("policy_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["iam_policy.id"],
        ),
        sa.PrimaryKeyConstraint("policy_id", "number"),
    )
    op.create_table(
        "logs_batch",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("group_pk", sa.Integer(), nullable=False),
        sa.Column("stream_pk", sa.Integer(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("ingested_ms", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["stream_pk"],
            ["logs_stream.pk"],
        ),
        sa.PrimaryKeyConstraint("pk"),
        info={"quiet": True},
        sqlite_autoincrement=True,
    )
    op.create_index("logs_batch_group", "logs_batch", ["group_pk", "pk"], unique=False)
    op.create_index("logs_batch_stream", "logs_batch", ["stream_pk", "pk"], unique=False)
    op.create_table(
        "secretsmanager_attempt",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("rotation_pk", sa.Integer(), nullable=False),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("told", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rotation_pk"],
            ["secretsmanager_rotation.pk"],
        ),
        sa.PrimaryKeyConstraint("pk"),
        info={"quiet": True},
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_secretsmanager_attempt_rotation_pk"), "secretsmanager_attempt", ["rotation_pk"], unique=False
    )
    op.create_table(
        "secretsmanager_earlier_key",
        sa.Column("pk", sa.Integer(), nullable=False),
        sa.Column("secret_pk", sa.Integer(), nullable=False),
        sa.Column("version_pk", sa.Integer(), nullable=False),
        sa.Column("kms_key_id", sa.Text(), nullable=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["secret_pk"],
            ["secretsmanager_secret.pk"],
        ),
        sa.ForeignKeyConstraint(
            ["version_pk"],
            ["secretsmanager_version.pk"],
        ),
        sa.PrimaryKeyConstraint("pk"),
        info={"owner": "secret_pk"},
    )
    op.create_index(
        op.f("ix_secretsmanager_earlier_key_version_pk"), "secretsmanager_earlier_key", ["version_pk"], unique=False
    )
    op.create_index("secretsmanager_earlier_key_secret", "secretsmanager_earlier_key", ["secret_pk"], unique=False)
