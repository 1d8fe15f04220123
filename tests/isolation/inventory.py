"""Everything that was ever made in a database, of whatever kind: PostgreSQL's own catalogues name the kinds.

What nobody thought of is found all the same: a kind that a later release adds is a catalogue more.
"""

from collections.abc import Iterator
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

import shared.tables

type Things = set[tuple[str, str]]
"""Kind and name, as `pg_identify_object` gives them."""

METADATA = shared.tables.Task.metadata
BOOKKEEPING: Things = {
    ("table", "public.alembic_version"),
    ("table column", "public.alembic_version.version_num"),
    ("table constraint", "alembic_version_pkc on public.alembic_version"),
    ("table constraint", "alembic_version_version_num_not_null on public.alembic_version"),
    ("index", "public.alembic_version_pkc"),
}
ELSEWHERE = {
    "role": "roles are the whole server's: the rule of the roles has their list",
    "role membership": "as above",
    "database": "a server may have others",
}
FIRST = 16384
"""The first oid that is not of initdb's making (FirstNormalObjectId)."""
CATALOGUES = """
    select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'oid'
    where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r' and c.relname <> 'pg_enum' order by 1
"""  # the values of an enum have no name of their own; their type has
# What an extension brought is the extension's. A row type, a view's rule and a foreign key's trigger are part of what
# is listed already; temporary and toast tables are nobody's to reach.
MADE = """
    with recursive made (class, id, part) as (
        {every}
        union all select 'pg_class'::regclass, a.attrelid, a.attnum from pg_attribute a
            join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
            where a.attrelid >= {first} and a.attnum > 0 and not a.attisdropped
    ), shipped (class, id) as (
        select classid, objid from pg_depend where deptype = 'e'
        union select d.classid, d.objid from pg_depend d join shipped s on (d.refclassid, d.refobjid) = (s.class, s.id)
            where d.deptype in ('i', 'a')
    )
    select found.type as kind, replace(replace(found.identity, 'pg_catalog.', ''), '"', '') as name
    from made m, pg_identify_object(m.class, m.id, m.part) found
    where not exists (select from shipped s where (s.class, s.id) = (m.class, m.id))
      and not (found.type in ('type', 'trigger', 'rule') and exists (
          select from pg_depend d where (d.classid, d.objid, d.deptype) = (m.class, m.id, 'i')))
      and found.identity !~ '(^| )pg_(temp|toast)'
"""


def made(admin: Connection[DictRow]) -> Iterator[tuple[str, str]]:
    """Kind and name of everything in this database that is not PostgreSQL's own."""
    every = " union all ".join(
        # A large object goes by the catalogue of its pages.
        f"select '{name.removesuffix('_metadata')}'::regclass, oid, 0 from {name} where oid >= {FIRST}"  # noqa: S608
        for name in (row["name"] for row in admin.execute(CATALOGUES))
    )
    for row in admin.execute(MADE.format(every=every, first=FIRST).encode()):
        if row["kind"] not in ELSEWHERE:
            yield row["kind"], row["name"]


def of_the_tables() -> Things:
    """What the tables of SQLModel are made of: tables, columns, defaults, constraints and indexes."""
    return BOOKKEEPING.union(*(_parts(table) for table in METADATA.tables.values()))


def _parts(table: Any) -> Things:
    place = f"public.{table.name}"
    parts = {("table", place), ("index", f"{place}_pkey"), ("table constraint", f"{table.name}_pkey on {place}")}
    parts |= {("index", f"public.{index.name}") for index in table.indexes}
    parts |= {("table constraint", f"{rule.name} on {place}") for rule in table.constraints if rule.name}
    for column in table.columns:
        parts.add(("table column", f"{place}.{column.name}"))
        if not column.nullable:
            parts.add(("table constraint", f"{table.name}_{column.name}_not_null on {place}"))
        if column.server_default is not None:
            parts.add(("default value", f"for {place}.{column.name}"))
    return parts
