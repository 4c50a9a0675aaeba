//! Which `replica.toml` is read, and what a relative path in it means.
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The name of the file in each of the folders that are looked at.
pub(super) const FILE_NAME: &str = "replica.toml";

/// Names the file where `--config` does not.
const VARIABLE: &str = "REPLICA_CONFIG";

/// The places where a file may be, for errors and documents.
pub(super) const PLACES: &str = "named with --config or REPLICA_CONFIG, or found in the current folder, \
                                 in ~/.config/replica or in /etc/replica";

/// The file to read: `named` (`--config`), the one that `REPLICA_CONFIG` names, or the first that is there of
/// `replica.toml` in the current folder, in `$XDG_CONFIG_HOME/replica` (`~/.config/replica`), in `/etc/replica`.
/// `None`: there is none.
pub(super) fn find(file: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    named(file, &environment).or_else(|| found(environment))
}

/// The file that somebody names, whether or not it is there.
pub(super) fn named(file: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let variable = environment(VARIABLE).filter(|value| !value.is_empty());
    file.map(Path::to_owned).or_else(|| variable.map(PathBuf::from))
}

/// The file that is there where nobody names one.
pub(super) fn found(environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The specification says that a relative XDG_CONFIG_HOME does not count (XDG Base Directory Specification).
    let home = variable("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
    let home = home.or_else(|| variable("HOME").map(|home| home.join(".config")));
    let folders = [Some(PathBuf::new()), home.map(|home| home.join("replica")), Some("/etc/replica".into())];
    folders.into_iter().flatten().map(|folder| folder.join(FILE_NAME)).find(|file| file.exists())
}

/// Where relative paths of a configuration count from.
pub(super) struct ConfigFolder {
    /// The file's folder.
    pub of_file: PathBuf,
    /// The folder in which the tool runs.
    pub current: PathBuf,
}

impl ConfigFolder {
    /// Of the paths in `file`.
    ///
    /// # Errors
    /// The current folder cannot be read.
    pub(super) fn of(file: &Path) -> Result<Self> {
        let current = std::env::current_dir()
            .map_err(|error| Error::usage(format!("The current folder cannot be read: {error}")))?;
        let parent = file.parent().unwrap_or(Path::new(""));
        Ok(Self { of_file: current.join(parent), current })
    }

    /// `path`, counted from the file's folder. `key` is what a warning names: in earlier versions a relative path counted
    /// from the current folder, and what lies there is no longer read.
    pub(super) fn resolve(&self, key: &str, path: &Path) -> PathBuf {
        let resolved = self.of_file.join(path);
        let before = self.current.join(path);
        if before != resolved && before.exists() {
            log::warn!(
                "{key} is relative: it means {}. Earlier versions took it from the current folder, and there is a {} \
                 now. Write the whole path, or move it",
                resolved.display(),
                before.display(),
            );
        }
        resolved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: Option<&str>, variables: &[(&str, &str)]) -> Option<PathBuf> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| v.into());
        find(file.map(Path::new), value)
    }

    #[test]
    fn a_name_wins_over_what_is_found() {
        let variables = [("REPLICA_CONFIG", "/v.toml"), ("HOME", "/nowhere")];
        assert_eq!(found(Some("/n.toml"), &variables), Some("/n.toml".into()));
        assert_eq!(found(None, &variables), Some("/v.toml".into()), "whether or not it is there");
        assert_ne!(found(None, &[("REPLICA_CONFIG", "")]), Some("".into()));
    }

    #[test]
    fn the_home_folder_is_looked_at() {
        let home = tempfile::TempDir::new().unwrap();
        let place = home.path().join(".config/replica");
        std::fs::create_dir_all(&place).unwrap();
        let name = home.path().to_str().unwrap();
        std::fs::write(place.join(FILE_NAME), "").unwrap();
        assert_eq!(found(None, &[("HOME", name)]), Some(place.join(FILE_NAME)));

        let other = home.path().join("other/replica");
        std::fs::create_dir_all(&other).unwrap();
        std::fs::write(other.join(FILE_NAME), "").unwrap();
        let xdg = home.path().join("other");
        let variables = [("HOME", name), ("XDG_CONFIG_HOME", xdg.to_str().unwrap())];
        assert_eq!(found(None, &variables), Some(other.join(FILE_NAME)));
        assert_eq!(
            found(None, &[("HOME", name), ("XDG_CONFIG_HOME", "relative")]),
            Some(place.join(FILE_NAME))
        );
    }

    #[test]
    fn relative_paths_count_from_the_file() {
        let folder = ConfigFolder { of_file: "/etc/replica".into(), current: "/home/etl".into() };
        assert_eq!(folder.resolve("k", Path::new("a/b")), Path::new("/etc/replica/a/b"));
        assert_eq!(folder.resolve("k", Path::new("/a")), Path::new("/a"));
    }
}
