//! Folders that a run writes to. Whether they can be written to is asked, not tried.
use std::path::Path;

use replica_core::check::{Check, CheckFinding, CheckSeverity, Side};
use replica_core::report::human_bytes;
use rustix::fs::{Access, access, statvfs};

/// Lines of a record and figures for Prometheus need no more.
pub const FOR_LINES: u64 = 100 << 20;
/// A table's file is soon as large.
pub const FOR_FILES: u64 = 10 << 30;

/// What the system says of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FolderState {
    is_folder: bool,
    writable: bool,
    /// Free for who is not root.
    free: Option<u64>,
}

/// Looks at a folder, or at the nearest one above it if it is to be `made`. `least`: bytes below which a warning is due.
pub fn look(check: Check, folder: &Path, made: bool, least: u64) -> CheckFinding {
    let mut there = folder;
    while made && !there.exists() {
        match there.parent() {
            Some(above) if !above.as_os_str().is_empty() => there = above,
            _ => there = Path::new("."),
        }
    }
    let seen = FolderState {
        is_folder: there.is_dir(),
        writable: access(there, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        free: statvfs(there).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
    };
    judged(check, folder, &seen, least)
}

fn judged(check: Check, folder: &Path, seen: &FolderState, least: u64) -> CheckFinding {
    let place = folder.display();
    let error = |what: String, remedy: &str| {
        CheckFinding::new(check, Side::Machine, CheckSeverity::Error, what).remedy(remedy)
    };
    if !seen.is_folder {
        return error(format!("{place} is no folder"), "Make it, or name another one");
    }
    if !seen.writable {
        let remedy = "Let the user that cron starts the run as write there (chown, chmod)";
        return error(format!("{place} cannot be written to"), remedy);
    }
    match seen.free {
        Some(free) if free < least => {
            let what = format!("{place} has {} free", human_bytes(free));
            let severity = if free == 0 { CheckSeverity::Error } else { CheckSeverity::Warning };
            CheckFinding::new(check, Side::Machine, severity, what)
                .remedy("Make room on that disk, or name a folder on another one")
        }
        free => {
            let free = free.map_or(String::new(), |free| format!(", with {} free", human_bytes(free)));
            CheckFinding::new(
                check,
                Side::Machine,
                CheckSeverity::Info,
                format!("{place} can be written to{free}"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_that_takes_files_and_has_room() {
        let severity = |is_folder, writable, free| {
            let seen = FolderState { is_folder, writable, free };
            judged(Check::RecordDir, Path::new("/x"), &seen, 100).severity
        };
        assert_eq!(severity(true, true, Some(100)), CheckSeverity::Info);
        assert_eq!(severity(true, true, None), CheckSeverity::Info);
        assert_eq!(severity(true, true, Some(99)), CheckSeverity::Warning);
        assert_eq!(severity(true, true, Some(0)), CheckSeverity::Error);
        assert_eq!(severity(true, false, Some(100)), CheckSeverity::Error);
        assert_eq!(severity(false, true, Some(100)), CheckSeverity::Error);
    }

    #[test]
    fn a_folder_that_is_made_later_is_looked_at_where_it_will_be() {
        let folder = tempfile::tempdir().unwrap();
        let later = folder.path().join("a/b");
        assert_eq!(look(Check::RecordDir, &later, true, 0).severity, CheckSeverity::Info);
        assert_eq!(look(Check::ParquetDir, &later, false, 0).severity, CheckSeverity::Error);
        assert!(!folder.path().join("a").exists(), "nothing is written");
        std::fs::write(folder.path().join("file"), "").unwrap();
        let within = folder.path().join("file/b");
        assert_eq!(look(Check::RecordDir, &within, true, 0).severity, CheckSeverity::Error);
    }
}
