"""The statements that create and read the rows of the isolation matrix."""

from shared.schemas.task import Task

CREATE_ROWS = """
    delete from task where user_id = '{user}';
    delete from list where user_id = '{user}';
    delete from trash where user_id = '{user}';
    delete from label where user_id = '{user}';
    insert into list (user_id, id, name, position, version, archived_at) values
        ('{user}', '{id}', '{word}', '{position}', {version}, {completed}),
        ('{user}', '{second}', 'Second', '1{position}', 1, null);
    insert into label (user_id, id, name, version) values
        ('{user}', '{id}', '{word}', {version}), ('{user}', '{second}', 'z{word}', 1);
    insert into task (user_id, id, title, description, priority, due_date, version, created_at, completed_at, position,
        labels) values
        ('{user}', '{id}', '{word}', '{word}', {priority}, '{date}', {version}, '{newer}', {completed}, '{position}',
            array['{word}']),
        ('{user}', '{second}', 'Older', '', 0, null, 1, '2026-01-01Z', null, '1{position}', '{{}}');"""
CREATE_AND_DELETE = """
    insert into list (user_id, id, name) values ('{user}', '{id}', '{word}');
    delete from list where user_id = '{user}' and id = '{id}';
    insert into label (user_id, id, name) values ('{user}', '{id}', '{word}');
    delete from label where user_id = '{user}' and id = '{id}';
    insert into task (user_id, id, title, description, priority, due_date, version) values
        ('{user}', '{id}', '{word}', '{word}', {priority}, '{date}', {version});
    delete from task where user_id = '{user}' and id = '{id}';
    delete from trash where user_id = '{user}' and id = '{id}';
    delete from idempotency_key where user_id = '{user}';"""
DELETE = "delete from task where user_id = %s and id = %s"
# Each task of the owner is in the trash as well, as if it had been deleted and created again.
DELETED_BEFORE = f"""
    insert into trash ({", ".join(Task.COLUMNS)}, deleted_at)
    select {", ".join(Task.COLUMNS)}, '2026-01-01Z' from task where user_id = '{{user}}';"""  # noqa: S608
EXPIRED = """
    insert into idempotency_key (user_id, key, fingerprint, status, answer, created_at)
    values (%s, %s, sha256('x'), 404, '{}', now() - interval '25 hours')"""
# xmax holds the transaction that locked a row: nobody may even lock a row of another user. Generated columns and
# digests of requests add nothing.
ROWS_OF = """
    select user_id, 'task' as place, xmin::text || ' ' || xmax::text as touched,
           (to_jsonb(t) - '{user_id,title_key,title_head,words}'::text[])::text as content
    from task t where user_id = any(%(users)s)
    union all
    select user_id, 'list', xmin::text || ' ' || xmax::text, (to_jsonb(l) - 'user_id')::text
    from list l where user_id = any(%(users)s)
    union all
    select user_id, 'trash', xmin::text || ' ' || xmax::text, (to_jsonb(d) - 'user_id')::text
    from trash d where user_id = any(%(users)s)
    union all
    select user_id, 'label', xmin::text || ' ' || xmax::text, (to_jsonb(l) - '{user_id,key}'::text[])::text
    from label l where user_id = any(%(users)s)
    union all
    select user_id, 'link', xmin::text || ' ' || xmax::text, (to_jsonb(l) - 'user_id')::text
    from task_label l where user_id = any(%(users)s)
    union all
    select user_id, 'key', xmin::text || ' ' || xmax::text, (to_jsonb(k) - '{user_id,fingerprint}'::text[])::text
    from idempotency_key k where user_id = any(%(users)s)"""
