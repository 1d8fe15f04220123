"""What tells that an operation of a batch has failed, and ends the batch with it.

Additive: nothing of the release before this one changes.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

BATCH = """
-- Notes how an operation of a batch has ended, for app.go_on(). No status: two callers created one id at once, and this
-- one has to look again. Always true.
create function app.passes(status integer) returns boolean
    language plpgsql volatile
    as $$
begin
    perform set_config(
        'app.failed', case when status < 400 then '' when status >= 400 then 'ITEM1' else '40001' end, true
    );
    return true;
end
$$;

-- Ends the transaction where the operation just before has failed.
create function app.go_on() returns text
    language plpgsql volatile
    as $$
begin
    if current_setting('app.failed') <> '' then
        raise exception using errcode = current_setting('app.failed'), message = 'an operation of a batch failed';
    end if;
    return app.user_id();
end
$$;
"""

ACCESS = """
revoke all on all functions in schema app from public;
grant execute on function app.passes(integer), app.go_on() to task_app;
grant insert (status, answer) on idempotency_key to task_app;
"""


def upgrade() -> None:
    """Build everything; the runner's transaction makes it all or nothing."""
    for part in (BATCH, ACCESS):
        op.execute(part)


def downgrade() -> None:
    """Drop what `upgrade` built."""
    op.execute("""
        revoke insert (status, answer) on idempotency_key from task_app;
        drop function app.passes, app.go_on""")
