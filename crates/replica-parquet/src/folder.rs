//! Where the files are: one a table, `schema.table.parquet`.
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use replica_core::catalog::TableName;
use replica_core::error::{Error, Result};
use tempfile::NamedTempFile;
use twox_hash::XxHash3_128;

/// A folder of files.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

const EXTENSION: &str = ".parquet";
/// What the name of a file ends with that is not complete yet, after so many letters that nobody can foresee.
const PARTIAL: &str = ".partial";
const LETTERS: usize = 6;
/// Younger files may have no lock yet: it comes at once.
const JUST_MADE: Duration = Duration::from_secs(5);

impl Folder {
    /// # Errors
    /// Of kind `Usage`: there is no such folder.
    pub fn new(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            return Err(Error::usage(format!("{} is no folder", path.display())).remedy("Create it first"));
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Where a table's file belongs.
    pub fn file(&self, table: &TableName) -> PathBuf {
        self.path.join(file_name(table))
    }

    /// The file of a table, whose schema may be left out if one file only can be meant, and whose name may be written
    /// in upper or lower case.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn find(&self, table: &TableName) -> Result<PathBuf> {
        let exact = self.file(table);
        if table.schema.is_some() && exact.is_file() {
            return Ok(exact);
        }
        let wanted = [plain, short].map(|part| folded(&joined(table, part)));
        let endings = wanted.clone().map(|name| format!(".{name}"));
        let entries = fs::read_dir(&self.path).map_err(|error| self.failed(&error))?;
        let mut found: Vec<PathBuf> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.failed(&error))?;
            let name = folded(&entry.file_name().to_string_lossy());
            let is_of_any_schema = || endings.iter().any(|ending| name.ends_with(ending));
            if wanted.contains(&name) || (table.schema.is_none() && is_of_any_schema()) {
                found.push(entry.path());
            }
        }
        found.sort();
        let folder = self.path.display();
        match found.as_slice() {
            [file] => Ok(file.clone()),
            [] => Err(Error::data(format!("no file {} in {folder}", file_name(table)))),
            _ => Err(Error::data(format!("several files of that name in {folder}")).remedy("Say the schema")),
        }
    }

    /// A new file for a table, under a name that nobody looks for. `keep`: it is to stay, and others than its owner may
    /// read it, as far as the user's umask says so.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn temporary(&self, table: &TableName, keep: bool) -> Result<NamedTempFile> {
        let prefix = format!(".{}.", file_name(table).trim_end_matches(EXTENSION));
        self.sweep(&prefix);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(PARTIAL).rand_bytes(LETTERS);
        #[cfg(unix)]
        if keep {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(&self.path).map_err(|error| self.failed(&error))?;
        // Says that somebody is at it. Where files cannot be locked, none is ever taken for left behind.
        let _ = file.as_file().try_lock();
        Ok(file)
    }

    /// Removes what runs that were killed have left of a table's files: nobody holds their locks. A run has a moment from
    /// the making of a file to its lock.
    fn sweep(&self, prefix: &str) {
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let left = name.to_str().and_then(|name| name.strip_prefix(prefix)?.strip_suffix(PARTIAL));
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if !is_file || left.is_none_or(|letters| letters.len() != LETTERS) {
                continue;
            }
            let modified = entry.metadata().and_then(|known| known.modified());
            let is_old = modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > JUST_MADE));
            let is_free = || fs::File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
            if is_old && is_free() && fs::remove_file(entry.path()).is_ok() {
                log::info!("{} is removed: a run that was cut off has left it", entry.path().display());
            }
        }
    }

    /// A folder that cannot be used now will not do a second later.
    fn failed(&self, error: &std::io::Error) -> Error {
        Error::data(format!("{}: {error}", self.path.display()))
    }
}

/// What a file system takes for a name, in bytes (NAME_MAX of Linux; others count characters).
const LONGEST: usize = 255;
/// By so much a temporary name is longer: the dot before it, and `.`, six letters and `.partial` for `.parquet`.
const TEMPORARY: usize = 8;

fn file_name(table: &TableName) -> String {
    let whole = joined(table, plain);
    if whole.len() + TEMPORARY <= LONGEST { whole } else { joined(table, short) }
}

fn joined(table: &TableName, part: impl Fn(&str) -> String) -> String {
    let schema = table.schema.as_ref().map(|schema| part(schema) + ".").unwrap_or_default();
    format!("{schema}{}{EXTENSION}", part(&table.name))
}

/// The same for names that differ in upper and lower case only.
fn folded(name: &str) -> String {
    let mut parts = name.split('~');
    let mut folded = parts.next().unwrap_or_default().to_lowercase();
    for part in parts {
        let after = part.get(2 * HALF..).unwrap_or_default();
        folded.extend(["~", part.get(..HALF).unwrap_or(part), &after.to_lowercase()]);
    }
    folded
}

/// So much of a part is left in a name that would be too long: two of them, the dot and the extension are short enough.
const PART: usize = 115;
/// Letters in half a hash.
const HALF: usize = 16;

/// As [`plain`], the end of what is long replaced by `~` and a hash of the whole, which no plain name has. Upper and
/// lower case are told apart by the second half of the hash; the first is the same.
fn short(part: &str) -> String {
    let mut name = plain(part);
    if name.len() <= PART {
        return name;
    }
    let half = |text: &str| (XxHash3_128::oneshot(text.as_bytes()) >> 64) as u64;
    let hash = format!("~{:016x}{:016x}", half(&part.to_lowercase()), half(part));
    name.truncate(name.floor_char_boundary(PART - hash.len()));
    name + &hash
}

/// A part of a name as part of a file's: what is no letter and no digit is written as %XX, the bytes of its UTF-8.
fn plain(part: &str) -> String {
    let mut name = String::new();
    for c in part.chars() {
        if c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '#' | '@' | ' ') {
            name.push(c);
        } else {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|byte| name.push_str(&format!("%{byte:02X}")));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use replica_core::catalog::quote;

    use super::*;

    fn folder(files: &[&str]) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        files.iter().for_each(|file| fs::write(dir.path().join(file), "").unwrap());
        let folder = Folder::new(dir.path()).unwrap();
        (dir, folder)
    }

    fn found(folder: &Folder, table: &str) -> String {
        match folder.find(&table.parse().unwrap()) {
            Ok(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn any_name_is_a_file_name() {
        assert_eq!(file_name(&TableName::new("dbo", "../etc/x.y%")), "dbo.%2E%2E%2Fetc%2Fx%2Ey%25.parquet");
        assert_eq!(file_name(&TableName::new("a.b", "Größe m²")), "a%2Eb.Größe m².parquet");
    }

    /// A CJK character takes three bytes, and an identifier may have 128 of them.
    #[test]
    fn a_name_too_long_for_a_file_system_is_cut_and_still_its_own() {
        let long = |last: char| TableName::new("dbo", &("\u{8868}".repeat(127) + &last.to_string()));
        let (one, other) = (file_name(&long('\u{4E00}')), file_name(&long('\u{4E8C}')));
        assert!(one.len() + TEMPORARY <= LONGEST && one.starts_with("dbo.\u{8868}"), "{one}");
        assert_ne!(one, other);
        let both = TableName::new(&"\u{1D49C}".repeat(128), &"/".repeat(128));
        assert!(file_name(&both).len() + TEMPORARY <= LONGEST);

        let upper = TableName::new("S", &"\u{416}".repeat(128));
        let lower = TableName::new("s", &"\u{436}".repeat(128));
        assert_ne!(file_name(&upper), file_name(&lower));
        let (_dir, folder) = folder(&[&one, &other, &file_name(&upper)]);
        for (table, file) in
            [(long('\u{4E00}'), &one), (long('\u{4E8C}'), &other), (lower, &file_name(&upper))]
        {
            assert_eq!(found(&folder, &table.quoted()), *file);
            assert_eq!(found(&folder, &quote(&table.name)), *file);
        }
    }

    #[test]
    fn files_are_found_as_tables_are_named() {
        let (_dir, folder) =
            folder(&["dbo.T.parquet", "a.u.parquet", "b.u.parquet", "b.U2.parquet", "x.parquet"]);
        assert_eq!(found(&folder, "dbo.T"), "dbo.T.parquet");
        assert_eq!(found(&folder, "t"), "dbo.T.parquet");
        assert_eq!(found(&folder, "DBO.t"), "dbo.T.parquet");
        assert_eq!(found(&folder, "b.u"), "b.u.parquet");
        assert!(found(&folder, "u").contains("Say the schema"));
        assert!(found(&folder, "v").contains("no file v.parquet in"));
        assert_eq!(found(&folder, "x"), "x.parquet");
    }

    #[test]
    fn what_a_killed_run_has_left_is_removed_and_nothing_else() {
        let old =
            [".dbo.t.aB3xYz.partial", ".dbo.u.aB3xYz.partial", ".dbo.t.aB3xYz7.partial", "dbo.t.parquet"];
        let (dir, folder) = folder(&old);
        let long_ago = std::time::SystemTime::now() - 2 * JUST_MADE;
        for name in old {
            let file = fs::File::options().append(true).open(dir.path().join(name)).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        let table = TableName::new("dbo", "t");
        let at_work = folder.temporary(&table, false).unwrap();
        at_work.as_file().set_modified(long_ago).unwrap();
        drop(folder.temporary(&table, false).unwrap());
        let mut left: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let mut expected = vec![at_work.path().file_name().unwrap().to_str().unwrap()];
        expected.extend(&old[1..]);
        expected.sort_unstable();
        assert_eq!(left, expected);
    }

    #[test]
    fn a_folder_that_is_none_is_bad_usage() {
        assert_eq!(Folder::new(Path::new("/no/such")).unwrap_err().exit_code().number(), 2);
    }
}
