//! Where the files are: one a table, `schema.table.parquet`.
use std::fs;
use std::path::{Path, PathBuf};

use replica_core::catalog::TableName;
use replica_core::error::{Error, Result};
use tempfile::NamedTempFile;

/// A folder of files.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

const EXTENSION: &str = ".parquet";

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
        let wanted = file_name(table).to_lowercase();
        let ending = format!(".{wanted}");
        let entries = fs::read_dir(&self.path).map_err(|error| self.failed(&error))?;
        let mut found: Vec<PathBuf> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.failed(&error))?;
            let name = entry.file_name().to_string_lossy().to_lowercase();
            if name == wanted || (table.schema.is_none() && name.ends_with(&ending)) {
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
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".partial");
        #[cfg(unix)]
        if keep {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        builder.tempfile_in(&self.path).map_err(|error| self.failed(&error))
    }

    /// A folder that cannot be used now will not do a second later.
    fn failed(&self, error: &std::io::Error) -> Error {
        Error::data(format!("{}: {error}", self.path.display()))
    }
}

fn file_name(table: &TableName) -> String {
    let schema = table.schema.as_ref().map(|schema| plain(schema) + ".").unwrap_or_default();
    format!("{schema}{}{EXTENSION}", plain(&table.name))
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
    fn a_folder_that_is_none_is_bad_usage() {
        assert_eq!(Folder::new(Path::new("/no/such")).unwrap_err().exit_code().number(), 2);
    }
}
