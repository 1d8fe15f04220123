"""What the database's own catalogue must say, as rules: each yields what offends it.

The catalogue test runs them on the migrated schema; the mutants show that each finds what it is for.
"""

import re
from collections.abc import Iterator

from psycopg import Connection
from psycopg.rows import DictRow

from infra.roles import APP, ATTRIBUTES, JOBS, LIMITS

type Admin = Connection[DictRow]

OLDEST = 180_000
BOOKKEEPING = "alembic_version"
OWN = "(user_id = ( SELECT app.user_id() AS user_id))"
POLICIES = {
    ("task", "own_rows", APP, OWN, OWN),
    ("idempotency_key", "own_rows", APP, OWN, OWN),
    ("idempotency_key", "expired_rows", JOBS, "(created_at < (now() - '24:00:00'::interval))", "false"),
}
WHOLE = frozenset("*")
WRITABLE = frozenset({"title", "description", "priority", "due_date", "due_time", "due_timezone"})
GRANTS: dict[tuple[str, str, str], frozenset[str]] = {
    (APP, "public.task", "SELECT"): WHOLE,
    (APP, "public.task", "DELETE"): WHOLE,
    (APP, "public.task", "INSERT"): WRITABLE | {"id"},
    (APP, "public.task", "UPDATE"): WRITABLE | {"completed_at"},
    (APP, "public.idempotency_key", "SELECT"): WHOLE,
    (APP, "public.idempotency_key", "INSERT"): frozenset({"key", "fingerprint"}),
    (APP, "public.idempotency_key", "UPDATE"): frozenset({"fingerprint", "created_at", "status", "answer"}),
    (JOBS, "public.idempotency_key", "SELECT"): WHOLE,
    (JOBS, "public.idempotency_key", "DELETE"): WHOLE,
    (APP, "app", "USAGE"): WHOLE,
    (JOBS, "app", "USAGE"): WHOLE,
    ("PUBLIC", "public", "USAGE"): WHOLE,
    (APP, "app.user_id()", "EXECUTE"): WHOLE,
    (JOBS, "app.user_id()", "EXECUTE"): WHOLE,
    (APP, "app.words(text)", "EXECUTE"): WHOLE,
    (APP, "app.search(text)", "EXECUTE"): WHOLE,
    (APP, "app.claim(text,bytea)", "EXECUTE"): WHOLE,
}
DEFINERS = {"app.search(text)"}
USER_ID = "NULLIF(current_setting('app.user_id'::text, true), ''::text)"

OURS = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
NO_EXTENSION = "not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
RELATIONS = f"""
    select c.oid, c.relname as name, n.nspname as schema, c.relkind::text as kind, c.relrowsecurity as fenced,
           c.relforcerowsecurity as forced, coalesce('security_invoker=true' = any (c.reloptions), false) as invoker,
           exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id') as owned
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where {OURS} and c.relkind = any ('{{r,p,v,m,f}}')
"""  # noqa: S608
FUNCTIONS = f"""
    select p.oid::regprocedure::text as name, p.prosecdef as definer, p.proleakproof as leakproof,
           p.provolatile::text as volatility, coalesce(p.proconfig, '{{}}') as settings,
           coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body, p.proacl is null as anyone
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where {OURS} and {NO_EXTENSION}
"""  # noqa: S608
HELD = f"""
    with held (object, owner, acl, part) as (
        select n.nspname || '.' || c.relname, c.relowner, c.relacl, '*'
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where {OURS}
        union all select n.nspname || '.' || c.relname, c.relowner, a.attacl, a.attname
        from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
        where {OURS}
        union all select n.nspname, n.nspowner, n.nspacl, '*' from pg_namespace n where {OURS}
        union all select p.oid::regprocedure::text, p.proowner, p.proacl, '*'
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {OURS} and {NO_EXTENSION}
    )
    select case g.grantee when 0 then 'PUBLIC' else g.grantee::regrole::text end as role, object,
           g.privilege_type as privilege, array_agg(part::text) as parts, bool_or(g.is_grantable) as passable
    from held, aclexplode(held.acl) g where g.grantee <> held.owner group by 1, 2, 3
"""  # noqa: S608
KEYS = """
    select c.conrelid::regclass::text as place, c.conname as name,
           c.conkey[1] <> mine.attnum or c.contype = 'f' and c.confkey[1] is distinct from theirs.attnum as offends
    from pg_constraint c
    join pg_attribute mine on mine.attrelid = c.conrelid and mine.attname = 'user_id'
    left join pg_attribute theirs on theirs.attrelid = c.confrelid and theirs.attname = 'user_id'
    where c.contype in ('p', 'u', 'f')
    union all
    select i.indrelid::regclass::text, i.indexrelid::regclass::text, i.indkey[0] <> a.attnum
    from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attname = 'user_id' where i.indisunique
"""
OWNERS = """
    select a.attrelid::regclass::text as place, a.attnotnull as required, pg_get_expr(d.adbin, d.adrelid) as given,
           exists (select from pg_constraint c where c.conrelid = a.attrelid and c.contype = 'c'
                   and pg_get_constraintdef(c.oid) = 'CHECK ((user_id <> ''''::text))') as never_empty
    from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attname = 'user_id' and c.relnamespace = 'public'::regnamespace
"""
BELONGS = """
    with recursive groups as (
        select oid from pg_roles where rolname = %(role)s
        union select m.roleid from pg_auth_members m join groups on m.member = groups.oid
    )
    select oid::regrole::text as name from groups where oid::regrole::text <> %(role)s
"""


def every_table_is_fenced(admin: Admin) -> Iterator[str]:
    """Row level security on and forced; nothing but tables; each has `user_id`."""
    for relation in admin.execute(RELATIONS):
        name = relation["name"]
        if name == BOOKKEEPING:  # nobody but the owner may touch it: see the grants
            continue
        if relation["kind"] not in {"r", "p"}:
            if relation["kind"] != "v" or not relation["invoker"]:
                yield f"{name} is a view, and runs as its owner"
        elif not (relation["fenced"] and relation["forced"]):
            yield f"{name} has no forced row level security"
        elif not relation["owned"]:
            yield f"{name} has no user_id"


def the_policies_are_the_canonical_ones(admin: Admin) -> Iterator[str]:
    """One policy for each role and table, for all commands, with both expressions; no other."""
    found = set()
    for policy in admin.execute("""
        select polrelid::regclass::text as place, polname as name, polroles::regrole[]::text[] as roles,
               polcmd = '*' and polpermissive as canonical, pg_get_expr(polqual, polrelid) as seen,
               pg_get_expr(polwithcheck, polrelid) as written
        from pg_policy"""):
        row = (policy["place"], policy["name"], ",".join(policy["roles"]), policy["seen"], policy["written"])
        found.add(row)
        if row not in POLICIES or not policy["canonical"]:
            yield f"{policy['name']} on {policy['place']} is not canonical: {row}"
    yield from (f"{name} on {place} is missing" for place, name, *_ in POLICIES - found)


def the_roles_have_no_power(admin: Admin, logins: dict[str, str]) -> Iterator[str]:
    """`logins` names the login role of each group: without attributes, member of that alone, owner of nothing."""
    for role in (APP, JOBS, *logins):
        attributes = admin.execute(ATTRIBUTES, [role]).fetchone() or {"role": "missing"}
        yield from (f"{role} has {name}" for name, value in attributes.items() if value)
        groups = {row["name"] for row in admin.execute(BELONGS, {"role": role})}
        if groups != ({logins[role]} if role in logins else set()):
            yield f"{role} belongs to {sorted(groups)}"
        if admin.execute("select from pg_shdepend where refobjid = %s::regrole and deptype = 'o'", [role]).rowcount:
            yield f"{role} owns something"
        settings = admin.execute(
            "select rolcanlogin, coalesce(rolconfig, '{}') as settings from pg_roles where rolname = %s", [role]
        ).fetchone()
        assert settings
        if settings["rolcanlogin"] != (role in logins):
            yield f"{role} may log in" if settings["rolcanlogin"] else f"{role} may not log in"
        given = {name.lower(): value for name, _, value in (line.partition("=") for line in settings["settings"])}
        if role in logins and given != LIMITS:
            yield f"{role} has other limits: {given}"


def grants_are_exactly_the_named_ones(admin: Admin) -> Iterator[str]:
    """No role holds more, or less, than `GRANTS`; nothing may be passed on; nothing comes by default."""
    held: dict[tuple[str, str, str], frozenset[str]] = {}
    for grant in admin.execute(HELD):
        held[grant["role"], grant["object"], grant["privilege"]] = frozenset(grant["parts"])
        if grant["passable"]:
            yield f"{grant['role']} may pass on {grant['privilege']} on {grant['object']}"
    for key in held.keys() | GRANTS.keys():
        if held.get(key) != GRANTS.get(key):
            yield f"{' '.join(key)}: {sorted(held.get(key, ()))}, not {sorted(GRANTS.get(key, ()))}"
    if admin.execute("select from pg_default_acl").rowcount:
        yield "there are default privileges"


def functions_are_safe(admin: Admin) -> Iterator[str]:
    """SECURITY DEFINER by allow-list, with a search_path; none leakproof or for anyone; the caller's is canonical."""
    functions = {row["name"]: row for row in admin.execute(FUNCTIONS)}
    for name, function in functions.items():
        if function["definer"] and name not in DEFINERS:
            yield f"{name} runs as its owner"
        if function["definer"] and "search_path=pg_catalog, pg_temp" not in function["settings"]:
            yield f"{name} has no search_path of its own"
        if function["leakproof"]:
            yield f"{name} is called leakproof"
        if function["anyone"]:
            yield f"{name} may be called by anyone"
        if function["volatility"] == "i" and re.search(r"current_setting|user_id\(", function["body"]):
            yield f"{name} is called immutable, and is not"
    body = functions["app.user_id()"]["body"].removeprefix("RETURN ")
    if body != USER_ID:
        yield f"app.user_id() is {body}"


def keys_lead_with_the_user(admin: Admin) -> Iterator[str]:
    """A key without the user is an oracle: it tells what others have."""
    yield from (
        f"{key['name']} on {key['place']} does not" for key in admin.execute(KEYS) if key["offends"] is not False
    )


def the_database_names_the_owner(admin: Admin) -> Iterator[str]:
    """`user_id` is never null, never empty, and comes from the scope."""
    for row in admin.execute(OWNERS):
        if not (row["required"] and row["never_empty"] and row["given"] == "app.user_id()"):
            yield f"{row['place']}: {row}"


def the_trigger_counts_every_change(admin: Admin) -> Iterator[str]:
    """The columns that the trigger compares are those that the application may update."""
    row = admin.execute(
        "select pg_get_triggerdef(oid) as text, tgenabled::text as enabled from pg_trigger "
        "where tgname = 'count_version' and tgrelid = 'task'::regclass"
    ).fetchone()
    compared = set(re.findall(r"old\.(\w+) IS DISTINCT FROM new\.\1\b", row["text"])) if row else set()
    if compared != GRANTS[APP, "public.task", "UPDATE"] or not row or row["enabled"] != "O":
        yield f"it compares {sorted(compared)}"


RULES = (
    every_table_is_fenced,
    the_policies_are_the_canonical_ones,
    grants_are_exactly_the_named_ones,
    functions_are_safe,
    keys_lead_with_the_user,
    the_database_names_the_owner,
    the_trigger_counts_every_change,
)


def offences(admin: Admin, logins: dict[str, str]) -> list[str]:
    """All that offends any rule."""
    found = [f"{rule.__name__}: {offence}" for rule in RULES for offence in rule(admin)]
    return found + [f"the_roles_have_no_power: {offence}" for offence in the_roles_have_no_power(admin, logins)]
