//! Room: in the log, the data files, on the disks, in tempdb.
use super::ask::{Asker, CheckQuestion, Right, SQL_SERVER_2012, edition};
use super::finding::{Check, CheckFinding, CheckFindings, CheckSeverity, Side};
use crate::catalog::record::CatalogRow;
use crate::report::human_bytes;

const FILES: CheckQuestion = CheckQuestion {
    check: Check::DataSpace,
    sql: include_str!("sql/files.sql"),
    right: Right::None,
    since: SQL_SERVER_2012,
};
const LOG_USED: CheckQuestion = CheckQuestion {
    check: Check::LogSpace,
    sql: "SELECT CAST(u.used_log_space_in_bytes AS bigint) AS used_bytes FROM sys.dm_db_log_space_usage AS u",
    right: Right::ServerState,
    since: SQL_SERVER_2012,
};
const VOLUME: CheckQuestion = CheckQuestion {
    check: Check::DiskSpace,
    sql: "SELECT v.volume_mount_point AS mount_point, v.available_bytes AS available_bytes, \
          v.total_bytes AS total_bytes FROM sys.dm_os_volume_stats(DB_ID(), @P1) AS v",
    right: Right::ServerState,
    since: SQL_SERVER_2012,
};
const AZURE_SIZE: CheckQuestion = CheckQuestion {
    check: Check::DataSpace,
    sql: "SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'MaxSizeInBytes') AS bigint) AS max_bytes",
    right: Right::None,
    since: SQL_SERVER_2012,
};
const TEMPDB_FILES: CheckQuestion = CheckQuestion {
    check: Check::TempdbSpace,
    sql: include_str!("sql/tempdb_files.sql"),
    right: Right::None,
    since: SQL_SERVER_2012,
};
const TEMPDB_FREE: CheckQuestion = CheckQuestion {
    check: Check::TempdbSpace,
    sql: "SELECT SUM(u.unallocated_extent_page_count) * 8192 AS free_bytes \
          FROM tempdb.sys.dm_db_file_space_usage AS u",
    right: Right::ServerState,
    since: SQL_SERVER_2012,
};

const PAGE: i64 = 8192;
const LOG: i64 = 1;
const DATA: i64 = 0;
/// So much the log grows by default since SQL Server 2016 (Microsoft docs, "Database files and filegroups", File size).
const LEAST_GROWTH: i64 = 64 << 20;
/// A log file ends there (ibid., "sys.database_files", max_size).
const LARGEST_LOG: i64 = 2 << 40;
/// A rollback's records are reserved beside those of the rows.
const WITH_ROLLBACK: u64 = 2;
/// A disk with less left than this share is nearly full.
const NEARLY_FULL: i64 = 20;
/// The same of tempdb.
const TEMPDB_NEARLY_FULL: i64 = 10;

/// A file of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DatabaseFile {
    id: i64,
    kind: i64,
    name: String,
    size: i64,
    /// `None`: until the disk is full.
    most: Option<i64>,
    growth: i64,
    in_percent: bool,
    used: i64,
}

impl DatabaseFile {
    fn of(row: &CatalogRow) -> Option<Self> {
        let kind = row.int("file_type")?;
        let size = row.int("size_pages")?.saturating_mul(PAGE);
        let growth = row.int("growth").unwrap_or_default();
        let most = match row.int("max_size") {
            _ if growth == 0 => Some(size),
            Some(-1) if kind == LOG => Some(LARGEST_LOG),
            Some(-1) | None => None,
            Some(0) => Some(size),
            Some(pages) => Some(pages.saturating_mul(PAGE)),
        };
        Some(Self {
            id: row.int("file_id").unwrap_or_default(),
            kind,
            name: row.text("file_name").unwrap_or_default().to_owned(),
            size,
            most,
            growth,
            in_percent: row.flag("is_percent_growth"),
            used: row.int("used_bytes").unwrap_or_default(),
        })
    }

    fn of_kind(files: &[Self], kind: i64) -> impl Iterator<Item = &Self> {
        files.iter().filter(move |file| file.kind == kind)
    }

    /// What is free in it now, and may become so; `None`: no end but the disk's.
    fn room(files: &[Self], kind: i64) -> Option<i64> {
        let rooms = Self::of_kind(files, kind).map(|file| Some(file.most? - file.used));
        rooms.sum()
    }
}

/// What a run needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// Of the largest table that is replaced in one transaction.
    pub bytes: u64,
    /// Its name.
    pub table: String,
    /// Loads may be logged minimally.
    pub minimally_logged: bool,
}

impl Need {
    /// A tenth where whole extents are logged in place of rows: a rule of thumb (docs/UNCONFIRMED.md, "Room for the log").
    fn log(&self) -> u64 {
        let bytes = self.bytes.saturating_mul(WITH_ROLLBACK);
        if self.minimally_logged { bytes / 10 } else { bytes }
    }
}

/// Asks for the room there is. Only the target's is used up.
pub(super) async fn check(asker: &mut Asker, need: &Need, out: &mut CheckFindings) {
    let side = asker.side();
    if side == Side::Target
        && let Some(rows) = asker.ask(&FILES, &[], out).await
    {
        let mut files: Vec<DatabaseFile> = rows.iter().filter_map(DatabaseFile::of).collect();
        if let Some(used) = asker.ask_one(&LOG_USED, &[], out).await.and_then(|row| row.int("used_bytes")) {
            spread(&mut files, used);
        }
        out.extend(log(&files, need));
        out.extend(data(&files, need));
        if asker.known.edition == edition::AZURE_DATABASE {
            if let Some(row) = asker.ask_one(&AZURE_SIZE, &[], out).await {
                out.extend(azure(&row, &files, need));
            }
        } else {
            disks(asker, &files, need, out).await;
        }
    }
    if let Some(rows) = asker.ask(&TEMPDB_FILES, &[], out).await {
        let files: Vec<DatabaseFile> = rows.iter().filter_map(DatabaseFile::of).collect();
        if let Some(row) = asker.ask_one(&TEMPDB_FREE, &[], out).await {
            out.extend(tempdb(&files, &row, side));
        }
    }
}

/// What the log's view says of all its files counts more than what each file says.
fn spread(files: &mut [DatabaseFile], used: i64) {
    let mut left = used;
    for file in files.iter_mut().filter(|file| file.kind == LOG) {
        file.used = left.min(file.size);
        left -= file.used;
    }
}

fn log(files: &[DatabaseFile], need: &Need) -> Vec<CheckFinding> {
    let mut findings = Vec::new();
    let wanted = i64::try_from(need.log()).unwrap_or(i64::MAX);
    if let Some(room) = DatabaseFile::room(files, LOG).filter(|room| wanted > *room) {
        let what = format!(
            "the log has room for {}, and one transaction may need {}",
            human_bytes(room.max(0).unsigned_abs()),
            human_bytes(need.log())
        );
        let remedy = "Let the log become larger (ALTER DATABASE ... MODIFY FILE, MAXSIZE), or replace the table by windows";
        findings.push(
            CheckFinding::new(Check::LogSpace, Side::Target, CheckSeverity::Error, what)
                .remedy(remedy)
                .table(&need.table),
        );
    }
    for file in DatabaseFile::of_kind(files, LOG).filter(|file| file.growth != 0) {
        let how = if file.in_percent {
            format!("by {} %", file.growth)
        } else if file.growth.saturating_mul(PAGE) < LEAST_GROWTH {
            format!("by {}", human_bytes(file.growth.saturating_mul(PAGE).unsigned_abs()))
        } else {
            continue;
        };
        let what = format!("the log file {} grows {how}: a load waits for each step", file.name);
        findings.push(
            CheckFinding::new(Check::LogGrowth, Side::Target, CheckSeverity::Warning, what)
                .remedy("ALTER DATABASE ... MODIFY FILE (NAME = ..., FILEGROWTH = 64MB), or more"),
        );
    }
    findings
}

/// The new rows of a table are there before the old ones' pages are free.
fn data(files: &[DatabaseFile], need: &Need) -> Option<CheckFinding> {
    let wanted = i64::try_from(need.bytes).unwrap_or(i64::MAX);
    let room = DatabaseFile::room(files, DATA).filter(|room| wanted > *room)?;
    let what = format!(
        "the data files have room for {}, and the new rows of the largest table need {} beside the old ones",
        human_bytes(room.max(0).unsigned_abs()),
        human_bytes(need.bytes)
    );
    let remedy = "Let a file become larger (ALTER DATABASE ... MODIFY FILE, MAXSIZE), or add one";
    Some(
        CheckFinding::new(Check::DataSpace, Side::Target, CheckSeverity::Error, what)
            .remedy(remedy)
            .table(&need.table),
    )
}

fn azure(row: &CatalogRow, files: &[DatabaseFile], need: &Need) -> Option<CheckFinding> {
    let most = row.int("max_bytes").filter(|most| *most > 0)?;
    let used: i64 = DatabaseFile::of_kind(files, DATA).map(|file| file.used).sum();
    let wanted = i64::try_from(need.bytes).unwrap_or(i64::MAX);
    (used.saturating_add(wanted) > most).then(|| {
        let what = format!(
            "the database may have {}, holds {}, and needs {} more for the new rows",
            human_bytes(most.unsigned_abs()),
            human_bytes(used.unsigned_abs()),
            human_bytes(need.bytes)
        );
        CheckFinding::new(Check::DataSpace, Side::Target, CheckSeverity::Error, what)
            .remedy("ALTER DATABASE ... MODIFY (MAXSIZE = ...), or a larger service objective")
            .table(&need.table)
    })
}

/// A disk, and what files of ours are on it.
struct Disk {
    /// On Linux the server names none (docs/SERVER.md, "What a login sees of the server").
    mount: Option<String>,
    available: i64,
    total: i64,
    /// Kinds of files.
    kinds: Vec<i64>,
}

async fn disks(asker: &mut Asker, files: &[DatabaseFile], need: &Need, out: &mut CheckFindings) {
    let mut disks: Vec<Disk> = Vec::new();
    for file in files {
        let id = i32::try_from(file.id).unwrap_or_default();
        let Some(row) = asker.ask_one(&VOLUME, &[&id], out).await else { return };
        let mount = row.text("mount_point").filter(|mount| !mount.is_empty()).map(str::to_owned);
        let (Some(available), Some(total)) = (row.int("available_bytes"), row.int("total_bytes")) else {
            continue;
        };
        // Disks without a name are told apart by their size.
        let known = disks.iter_mut().find(|disk| disk.mount == mount && disk.total == total);
        match known {
            Some(disk) => disk.kinds.push(file.kind),
            None => disks.push(Disk { mount, available, total, kinds: vec![file.kind] }),
        }
    }
    out.extend(disks.iter().filter_map(|disk| disk.judged(files, need)));
}

impl Disk {
    fn judged(&self, files: &[DatabaseFile], need: &Need) -> Option<CheckFinding> {
        let missing: i64 = [(LOG, need.log()), (DATA, need.bytes)]
            .iter()
            .filter(|(kind, _)| self.kinds.contains(kind))
            .map(|(kind, wanted)| {
                let free = DatabaseFile::of_kind(files, *kind).map(|file| file.size - file.used).sum::<i64>();
                i64::try_from(*wanted).unwrap_or(i64::MAX).saturating_sub(free).max(0)
            })
            .fold(0, i64::saturating_add);
        let name =
            self.mount.as_ref().map_or_else(|| "the disk".to_owned(), |mount| format!("the disk {mount}"));
        let left = human_bytes(self.available.unsigned_abs());
        if missing > self.available {
            let more = human_bytes(missing.unsigned_abs());
            let what = format!("{name} has {left} left, and its files have to grow by {more}");
            return Some(
                CheckFinding::new(Check::DiskSpace, Side::Target, CheckSeverity::Error, what)
                    .remedy("Make room on it, or move a file to another disk")
                    .table(&need.table),
            );
        }
        (self.available < self.total / NEARLY_FULL).then(|| {
            let what = format!("{name} has {left} left of {}", human_bytes(self.total.unsigned_abs()));
            CheckFinding::new(Check::DiskSpace, Side::Target, CheckSeverity::Warning, what)
                .remedy("Make room on it")
        })
    }
}

fn tempdb(files: &[DatabaseFile], row: &CatalogRow, side: Side) -> Option<CheckFinding> {
    let free = row.int("free_bytes")?;
    let data = || DatabaseFile::of_kind(files, DATA);
    // A file without end grows until its disk is full.
    let most: Option<i64> = data().map(|file| file.most).sum();
    let most = most?;
    let room = most - data().map(|file| file.size).sum::<i64>() + free;
    (room < most / TEMPDB_NEARLY_FULL).then(|| {
        let what = format!(
            "tempdb has room for {} more, of {}",
            human_bytes(room.max(0).unsigned_abs()),
            human_bytes(most.unsigned_abs())
        );
        CheckFinding::new(Check::TempdbSpace, side, CheckSeverity::Warning, what)
            .remedy("Find who fills it (sys.dm_db_session_space_usage), or let its files become larger")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::record::CatalogValue;

    fn file(kind: i64, pages: i64, max_size: i64, growth: i64, used: i64) -> DatabaseFile {
        let int = |name: &str, value| (name.to_owned(), CatalogValue::Int(value));
        DatabaseFile::of(&CatalogRow::new([
            int("file_type", kind),
            int("size_pages", pages),
            int("max_size", max_size),
            int("growth", growth),
            int("used_bytes", used),
        ]))
        .unwrap()
    }

    #[test]
    fn a_file_has_room_up_to_its_end() {
        let room = |file: DatabaseFile| DatabaseFile::room(&[file], LOG);
        assert_eq!(room(file(LOG, 100, -1, 8192, PAGE)), Some(LARGEST_LOG - PAGE));
        assert_eq!(room(file(LOG, 100, 300, 8192, PAGE)), Some(299 * PAGE));
        assert_eq!(room(file(LOG, 100, -1, 0, PAGE)), Some(99 * PAGE));
        assert_eq!(DatabaseFile::room(&[file(DATA, 100, -1, 8192, 0)], DATA), None);
    }

    #[test]
    fn a_transaction_that_does_not_fit_is_an_error() {
        let files = [file(LOG, 100, 300, 8192, 0)];
        let need = |pages: u64| Need { bytes: pages * 8192, ..Need::default() };
        assert!(log(&files, &need(150)).is_empty());
        assert_eq!(log(&files, &need(151))[0].check, Check::LogSpace);
        assert!(log(&files, &Need { minimally_logged: true, ..need(151) }).is_empty());
        assert_eq!(log(&[file(LOG, 100, -1, 1024, 0)], &need(1))[0].check, Check::LogGrowth);
    }
}
