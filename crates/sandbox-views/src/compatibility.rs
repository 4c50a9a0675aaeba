//! The old system tables as views (Microsoft docs, "System compatibility views"). What is documented as internal is 0,
//! NULL or left as it was first.
use super::columns::user_type_id;
use super::definition::{Cell, Columns, Definition, Row, row};
use super::indexes::all_partitions;
use super::objects::objects;
use super::scope::ViewScope;
use super::security::login_sid;
use super::server::CONFIGURATIONS;
use sandbox_catalog::schema::{Column, PrincipalKind};
use sandbox_session::failure::Outcome;
use sandbox_values::{SqlType, Value};
use std::collections::BTreeMap;

pub const VIEWS: &[Definition] = &[
    Definition {
        schema: "sys",
        name: "sysobjects",
        columns: Columns(&[
            "name sysname, id int, xtype char(2), uid smallint null, info smallint null = 0, status int null = 0",
            "base_schema_ver int null = 0, replinfo int null = 0, parent_obj int, crdate datetime",
            "ftcatid smallint null = 0, schema_ver int null = 0, stats_schema_ver int null = 0, type char(2) null",
            "userstat smallint null = null, sysstat smallint null = null, indexdel smallint null = 0",
            "refdate datetime, version int null = 0, deltrig int null = 0, instrig int null = 0",
            "updtrig int null = 0, seltrig int null = 0, category int null = 0, cache smallint null = 0",
        ]),
        rows: sysobjects,
    },
    Definition {
        schema: "sys",
        name: "syscolumns",
        columns: Columns(&[
            "name sysname null, id int, xtype tinyint, typestat tinyint null = 0, xusertype smallint null",
            "length smallint, xprec tinyint, xscale tinyint, colid smallint null, xoffset smallint null = 0",
            "bitpos tinyint null = 0, reserved tinyint null = 0, colstat smallint null = 0, cdefault int",
            "domain int = 0, number smallint null = 0, colorder smallint null",
            "autoval varbinary(8000) null = null, offset smallint null = 0, collationid int null = null",
            "status tinyint null, type tinyint, usertype smallint null, printfmt varchar(255) null = null",
            "prec smallint null, scale int null, iscomputed int null, isoutparam int null = 0",
            "isnullable int null, collation sysname null",
        ]),
        rows: syscolumns,
    },
    Definition {
        schema: "sys",
        name: "sysindexes",
        columns: Columns(&[
            "id int, status int null = 0, first binary(6) null = null, indid smallint null",
            "root binary(6) null = null, minlen smallint null = 0, keycnt smallint null, groupid smallint null = 1",
            "dpages int null, reserved int null, used int null, rowcnt bigint null, rowmodctr int null = 0",
            "reserved3 int null = 0, reserved4 int null = 0, xmaxlen smallint null = 0, maxirow smallint null = 0",
            "OrigFillFactor tinyint null = 0, StatVersion tinyint null = 0, reserved2 int null = 0",
            "FirstIAM binary(6) null = null, impid smallint null = 0, lockflags smallint null = 0",
            "pgmodctr int null = 0, keys varbinary(816) null = null, name sysname null",
            "statblob image null = null, maxlen int null = 8000, rows int null",
        ]),
        rows: sysindexes,
    },
    Definition {
        schema: "sys",
        name: "sysdatabases",
        columns: Columns(&[
            "name sysname, dbid smallint, sid varbinary(85) null, mode smallint null = 0, status int null",
            "status2 int null = 0, crdate datetime, reserved datetime null, category int null = 0",
            "cmptlevel tinyint, filename nvarchar(260) null, version smallint null = 957",
        ]),
        rows: sysdatabases,
    },
    Definition {
        schema: "sys",
        name: "sysconfigures",
        columns: Columns(&["value int null, config int, comment nvarchar(255), status smallint null = 1"]),
        rows: sysconfigures,
    },
    Definition {
        schema: "sys",
        name: "sysusers",
        columns: Columns(&[
            "uid smallint null, status smallint null = 0, name sysname null, sid varbinary(85) null",
            "roles varbinary(2048) null = null, createdate datetime, updatedate datetime, altuid smallint null",
            "password varbinary(256) null = null, gid smallint null, environ varchar(255) null = null",
            "hasdbaccess int null, islogin int null, isntname int null = 0, isntgroup int null = 0",
            "isntuser int null = 0, issqluser int null, isaliased int null = 0, issqlrole int null",
            "isapprole int null = 0",
        ]),
        rows: sysusers,
    },
];

/// Bits of sysdatabases.status.
const TRUNCATES_LOG: i32 = 8;
const READ_ONLY: i32 = 1024;

fn sysdatabases(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let databases = scope.instance.databases.values();
    Ok(databases
        .map(|d| {
            let status = if d.recovery_model == 3 { TRUNCATES_LOG } else { 0 }
                | if d.read_only { READ_ONLY } else { 0 };
            let owner = Value::Bytes(login_sid(1));
            row![&d.name, d.id, owner, status, d.created, d.created, d.compatibility_level, &d.name]
        })
        .collect())
}

fn sysconfigures(_: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(CONFIGURATIONS.iter().map(|c| row![c.value, c.id, c.description]).collect())
}

fn sysusers(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let principals = scope.database.principals.values();
    Ok(principals
        .map(|p| {
            let role = p.kind == PrincipalKind::Role;
            let login = match p.kind {
                PrincipalKind::User { login } => login,
                PrincipalKind::Role => None,
            };
            // A uid is the principal's id; those of roles are their own group's.
            row![
                p.principal_id,
                &p.name,
                login.map(|id| Value::Bytes(login_sid(id))),
                p.created,
                p.created,
                role.then_some(1),
                if role { p.principal_id } else { 0 },
                login.is_some(),
                !role,
                !role,
                role,
            ]
        })
        .collect())
}

fn sysobjects(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let old = |row: Row| {
        let [name, id, schema, parent, kind, _, created, modified] = row.as_slice() else {
            return Vec::new();
        };
        let is_key = [Cell::from("PK"), Cell::from("UQ")].contains(kind);
        let group = if is_key { Cell::from("K ") } else { kind.clone() };
        let cells = [name, id, kind, schema, parent, created, &group, modified];
        cells.into_iter().cloned().collect()
    };
    Ok(objects(scope)?.into_iter().map(old).collect())
}

/// Bits of syscolumns.status.
const NULLABLE: i32 = 0x08;
const IDENTITY: i32 = 0x80;

fn syscolumns(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let tables = scope.tables().flat_map(|t| t.columns.iter().map(|c| (t.object_id, c)));
    let views = scope.views().flat_map(|v| v.columns.iter().map(|c| (v.object_id, c)));
    Ok(tables.chain(views).map(|(id, c)| syscolumn(id, c)).collect())
}

fn syscolumn(id: i32, column: &Column) -> Row {
    let t = &column.sql_type;
    let bit = |set: bool, bit: i32| if set { bit } else { 0 };
    // Characters, not bytes; -1 for large values.
    let precision = match t {
        SqlType::NChar(..) | SqlType::NVarChar(..) if t.max_length() > 0 => t.max_length() / 2,
        _ if t.is_character() || t.is_binary() || t.max_length() < 0 => t.max_length(),
        _ => i16::from(t.precision()),
    };
    row![
        &column.name,
        id,
        t.system_type_id(),
        user_type_id(column),
        t.max_length(),
        t.precision(),
        t.scale(),
        column.column_id,
        column.default.as_ref().map_or(0, |d| d.object_id),
        column.column_id,
        bit(column.nullable, NULLABLE) | bit(column.identity, IDENTITY),
        t.system_type_id(),
        user_type_id(column),
        precision,
        t.is_number().then(|| t.scale()),
        column.computed.is_some(),
        column.nullable,
        t.collation().map(|c| c.get().name.to_owned()),
    ]
}

#[derive(Default)]
struct Counted {
    partitions: usize,
    pages: i64,
    used: i64,
    rows: i64,
}

/// Of a partitioned index only `rows` is counted, as documented.
fn sysindexes(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let mut counted: BTreeMap<(i32, i32), Counted> = BTreeMap::new();
    for p in all_partitions(scope)? {
        let index = counted.entry((p.table.object_id, p.index.index_id)).or_default();
        index.partitions += 1;
        index.pages += p.pages();
        index.used += p.used_pages();
        index.rows += p.rows;
    }
    let mut rows = Vec::new();
    for (t, i) in scope.tables().flat_map(|t| t.indexes.iter().map(move |i| (t, i))) {
        let Counted { partitions, pages, used, rows: count } =
            counted.remove(&(t.object_id, i.index_id)).unwrap_or_default();
        let whole = |n: i64| if partitions == 1 { n } else { 0 };
        rows.push(row![
            t.object_id,
            i.index_id,
            i.keys.len(),
            whole(pages),
            whole(used),
            whole(used),
            whole(if i.index_id <= 1 { count } else { 0 }),
            i.name.as_ref(),
            count,
        ]);
    }
    Ok(rows)
}
