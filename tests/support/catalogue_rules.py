"""What the database's own catalogue must say, as rules: each yields what offends it.

The catalogue test runs them on the migrated schema; the mutants show that each finds what it is for.
"""

import re
from collections.abc import Iterator

from psycopg import Connection
from psycopg.rows import DictRow

from infra.roles import APP, ATTRIBUTES, JOBS, LIMITS
from tests.isolation.inventory import made
from tests.support.expected_catalogue import ALLOWED, DEFINERS, GRANTS, IMMUTABLE, POLICIES, VERSIONED

type Admin = Connection[DictRow]

OLDEST = 180_000
BOOKKEEPING = "alembic_version"
USER_ID = "NULLIF(current_setting('app.user_id'::text, true), ''::text)"

OURS = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
NO_EXTENSION = "not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
RELATIONS = f"""
    select c.relname as name, c.relkind::text as kind, c.relrowsecurity and c.relforcerowsecurity as fenced,
           coalesce('security_invoker=true' = any (c.reloptions), false) as invoker,
           exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id') as owned,
           c.relkind = 'p' or exists (select from pg_inherits where c.oid in (inhrelid, inhparent)) as related,
           c.relpersistence = 'p' as kept
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where {OURS} and c.relkind = any ('{{r,p,v,m,f}}')
"""  # noqa: S608
ROUTINES = f"""
    select p.oid::regprocedure::text as name, p.prosecdef as definer, p.proleakproof as leakproof,
           p.provolatile::text as volatility, coalesce(p.proconfig, '{{}}') as settings,
           coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body, p.proacl is null as anyone
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where {OURS} and {NO_EXTENSION}
"""  # noqa: S608
# PostgreSQL's own objects have rights for anyone, as initdb gave them (it does not note those of information_schema):
# only what came later counts.
HELD = """
    with held (class, id, sub, object, owner, acl, part) as (
        select 'pg_class'::regclass, c.oid, 0, n.nspname || '.' || c.relname, c.relowner, c.relacl, '*'
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        union all
        select 'pg_class'::regclass, c.oid, a.attnum, n.nspname || '.' || c.relname, c.relowner, a.attacl, a.attname
        from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
        union all select 'pg_namespace'::regclass, oid, 0, nspname, nspowner, nspacl, '*' from pg_namespace
        union all select 'pg_proc'::regclass, oid, 0, oid::regprocedure::text, proowner, proacl, '*' from pg_proc
        union all select 'pg_database'::regclass, oid, 0, 'the database', datdba,
            coalesce(datacl, acldefault('d', datdba)), '*' from pg_database where datname = current_database()
    )
    select case g.grantee when 0 then 'PUBLIC' else g.grantee::regrole::text end as role, object,
           g.privilege_type as privilege, array_agg(part::text) as parts, bool_or(g.is_grantable) as passable
    from held, aclexplode(held.acl) g
    where g.grantee <> held.owner and not (held.id < 16384 and held.object <> 'public' and exists (
        select from pg_init_privs i, aclexplode(i.initprivs) first
        where (i.classoid, i.objoid, i.objsubid) = (held.class, held.id, held.sub)
          and (first.grantee, first.privilege_type) = (g.grantee, g.privilege_type)))
      and not (held.object ~ '^information_schema' and g.grantee = 0 and g.privilege_type in ('SELECT', 'USAGE'))
    group by 1, 2, 3
"""
KEYS = """
    select c.conrelid::regclass::text as place, c.conname as name,
           c.conkey[1] <> mine.attnum or c.contype = 'x'
           or c.contype = 'f' and c.confkey[1] is distinct from theirs.attnum as offends
    from pg_constraint c
    join pg_attribute mine on mine.attrelid = c.conrelid and mine.attname = 'user_id'
    left join pg_attribute theirs on theirs.attrelid = c.confrelid and theirs.attname = 'user_id'
    where c.contype in ('p', 'u', 'f', 'x')
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
STRAYS = f"""
    with things (name, owner) as (
        select c.oid::regclass::text, c.relowner from pg_class c where c.oid >= 16384
        union all select p.oid::regprocedure::text, p.proowner from pg_proc p where p.oid >= 16384 and {NO_EXTENSION}
        union all select nspname, nspowner from pg_namespace where oid >= 16384 and nspname !~ '^pg_'
    )
    select name, owner::regrole::text as owner
    from things, pg_database d where d.datname = current_database() and owner <> d.datdba
"""  # noqa: S608
SETTINGS = """
    select coalesce(r.rolname, 'everyone') as role, d.datname as place, s.setconfig as settings
    from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
"""
ROLES = """
    select r.rolname as name, r.rolcanlogin as login, r.oid = d.datdba as owner
    from pg_roles r, pg_database d where d.datname = current_database() and r.oid >= 16384
"""
MEMBERS = """
    select roleid::regrole::text as role, member::regrole::text as member
    from pg_auth_members where (roleid >= 16384 or member >= 16384) and (inherit_option or set_option)
"""
LABELS = "select objtype || ' ' || objname as name from pg_seclabels where objoid >= 16384"


def everything_is_on_the_list(admin: Admin) -> Iterator[str]:
    """Nothing is in the database but `ALLOWED`, whatever kind of thing it is; and all of that is."""
    found = set(made(admin))
    yield from (f"{kind} {name} is not on the list" for kind, name in sorted(found - ALLOWED))
    yield from (f"{kind} {name} is missing" for kind, name in sorted(ALLOWED - found))
    yield from (f"{row['name']} has a security label" for row in admin.execute(LABELS))


def every_table_is_fenced(admin: Admin) -> Iterator[str]:
    """Row level security on and forced; nothing but plain tables that survive a crash; each has `user_id`."""
    for relation in admin.execute(RELATIONS):
        name = relation["name"]
        if name == BOOKKEEPING:  # nobody but the owner may touch it: see the grants
            continue
        if relation["kind"] not in {"r", "p"}:
            if relation["kind"] != "v" or not relation["invoker"]:
                yield f"{name} is a view, and runs as its owner"
        elif not relation["fenced"]:
            yield f"{name} has no forced row level security"
        elif not relation["owned"]:
            yield f"{name} has no user_id"
        elif relation["related"]:
            yield f"{name} has partitions, parents or children: policies bind the table that is named in a query alone"
        elif not relation["kept"]:
            yield f"{name} is empty after a crash"


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
    """No role but the owner, the groups and `logins`, each without attributes, member of its group alone, no owner."""
    roles = {row["name"]: row for row in admin.execute(ROLES)}
    known = {name for name, row in roles.items() if row["owner"]} | {APP, JOBS, *logins}
    yield from (f"{name} is a role of nobody's" for name in sorted(roles.keys() - known))
    acting = {(row["member"], row["role"]) for row in admin.execute(MEMBERS)}
    yield from (f"{member} may act as {role}" for member, role in sorted(acting - set(logins.items())))
    yield from (f"{member} may not act as {role}" for member, role in sorted(set(logins.items()) - acting))
    for role in (APP, JOBS, *logins):
        attributes = admin.execute(ATTRIBUTES, [role]).fetchone() or {"role": "missing"}
        yield from (f"{role} has {name}" for name, value in attributes.items() if value)
        if roles[role]["login"] != (role in logins):
            yield f"{role} may log in" if roles[role]["login"] else f"{role} may not log in"
        if admin.execute("select from pg_shdepend where refobjid = %s::regrole and deptype = 'o'", [role]).rowcount:
            yield f"{role} owns something"
    given = {role: dict[str, str]() for role in logins}
    for row in admin.execute(SETTINGS):
        if row["role"] in logins and row["place"] is None:
            given[row["role"]] = dict(line.split("=", 1) for line in row["settings"])
        else:
            yield f"{row['role']} has settings in {row['place'] or 'every database'}"
    for role, limits in given.items():
        if {name.lower(): value for name, value in limits.items()} != LIMITS:
            yield f"{role} has other limits: {limits}"


def all_belongs_to_the_owner(admin: Admin) -> Iterator[str]:
    """What a superuser owns would run as a superuser, and what the application owns obeys it."""
    yield from (f"{row['name']} belongs to {row['owner']}" for row in admin.execute(STRAYS))


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
    """SECURITY DEFINER by allow-list, with a search_path, IMMUTABLE likewise; none leakproof or for anyone."""
    functions = {row["name"]: row for row in admin.execute(ROUTINES)}
    for name, function in functions.items():
        if function["definer"] and name not in DEFINERS:
            yield f"{name} runs as its owner"
        if function["definer"] and "search_path=pg_catalog, pg_temp" not in function["settings"]:
            yield f"{name} has no search_path of its own"
        if function["leakproof"]:
            yield f"{name} is called leakproof"
        if function["anyone"]:
            yield f"{name} may be called by anyone"
        if function["volatility"] == "i" and name not in IMMUTABLE:
            yield f"{name} is called immutable: one that reads a setting is folded across users"
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
    for table in VERSIONED:
        row = admin.execute(
            "select pg_get_triggerdef(oid) as text, tgenabled::text as enabled from pg_trigger "
            "where tgname = 'count_version' and tgrelid = %s::regclass",
            [table],
        ).fetchone()
        compared = set(re.findall(r'old\."?(\w+)"? IS DISTINCT FROM new\."?\1\b', row["text"])) if row else set()
        if compared != GRANTS[APP, f"public.{table}", "UPDATE"] or not row or row["enabled"] != "O":
            yield f"of {table} it compares {sorted(compared)}"


RULES = (
    everything_is_on_the_list,
    every_table_is_fenced,
    the_policies_are_the_canonical_ones,
    all_belongs_to_the_owner,
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
