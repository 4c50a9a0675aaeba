//! Files that the tools write: regular ones alone. A name that others can foresee may be a link of theirs, to a file that
//! is not theirs to change, or a pipe that nobody reads, on which a write waits for ever.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
#[cfg(unix)]
use std::{fs::TryLockError, thread, time::Duration};

use crate::config::read_small_text;

/// Puts these bytes in the file's place, all of them at once: through a file of a name that nobody can foresee, in the
/// same folder, where a rename is atomic. Such a file of a program that was killed goes.
///
/// # Errors
/// The file is there and no regular one; the file system's.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_alone(path, bytes, alone_in(folder_of(path)).as_ref())
}

fn replace_alone(path: &Path, bytes: &[u8], alone: Option<&File>) -> io::Result<()> {
    check(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut prefix = format!(".{name}.");
    prefix.truncate(prefix.floor_char_boundary(LONGEST_PREFIX));
    if alone.is_some() {
        // Nobody is at work on one: whoever has made it is dead.
        remove_unfinished(folder_of(path), &prefix);
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).rand_bytes(LETTERS).suffix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As far as the user's umask says so.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder_of(path))?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Puts in the file's place what becomes of its text. Programs that do so at the same time do it one after the other, so
/// that none takes back what another has written.
///
/// # Errors
/// As [`replace`] and [`written_before`].
pub fn update(path: &Path, change: impl FnOnce(&str) -> String) -> io::Result<()> {
    let alone = alone_in(folder_of(path));
    let before = written_before(path)?.unwrap_or_default();
    replace_alone(path, change(&before).as_bytes(), alone.as_ref())
}

/// Waits for the folder's lock, but not for somebody who keeps it: the folder is what stays, the file itself is another
/// after each of them. The lock goes with the handle. `None`: others may be at work.
#[cfg(unix)]
fn alone_in(folder: &Path) -> Option<File> {
    const LOOK: Duration = Duration::from_millis(10);
    const LOOKS: u32 = 200;
    let folder = File::open(folder).ok()?;
    for _ in 0..LOOKS {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            // A file system without locks has none to wait for.
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

#[cfg(not(unix))]
fn alone_in(_: &Path) -> Option<File> {
    None
}

/// Removes what [`replace`] has begun and not put in its place. What cannot be removed does no harm.
fn remove_unfinished(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let letters = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(UNFINISHED));
        if letters.is_some_and(|letters| letters.len() == LETTERS) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name has up to 255 bytes, and letters and a suffix are to come.
const LONGEST_PREFIX: usize = 200;
/// Of a name that nobody can foresee.
const LETTERS: usize = 6;
const UNFINISHED: &str = ".new";

/// Opens a file to add to it, and makes it if it is not there.
///
/// # Errors
/// It is there and no regular one; the file system's.
pub fn append(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().create(true).append(true))
}

/// What an earlier run has written; `None`: nothing.
///
/// # Errors
/// As [`append`]; it is too long, or no text.
pub fn written_before(path: &Path) -> io::Result<Option<String>> {
    match open(path, OpenOptions::new().read(true)) {
        Ok(file) => read_small_text(file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Is it a regular file, or none?
///
/// # Errors
/// It is something else.
pub fn check(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(irregular()),
        _ => Ok(()),
    }
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Before it is opened, which for some files does something already; and after, since it may be another by then.
    check(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        use rustix::fs::OFlags;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(irregular()) }
}

fn irregular() -> io::Error {
    io::Error::other("it is no regular file")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A folder with a file, and a link to it.
    fn linked() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("theirs"), folder.path().join("link"));
        fs::write(&file, "theirs").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        (folder, file, link)
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("\u{8868}".repeat(80));
        for text in ["first", "second"] {
            replace(&file, text.as_bytes()).unwrap();
            assert_eq!(written_before(&file).unwrap().as_deref(), Some(text));
        }
        append(&file).unwrap().write_all(b", and more").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "second, and more");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(written_before(&folder.path().join("none")).unwrap(), None);
    }

    #[test]
    fn what_a_killed_program_has_begun_goes() {
        let folder = tempfile::tempdir().unwrap();
        let others = [".file.abcdefg.new", ".file.other.abcdef.new", ".other.abcdef.new", "file.abcdef.new"];
        for name in [&others[..], &[".file.abcdef.new", ".file.123456.new"]].concat() {
            fs::write(folder.path().join(name), "begun").unwrap();
        }
        replace(&folder.path().join("file"), b"whole").unwrap();
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let mut expected = [&others[..], &["file"]].concat();
        expected.sort();
        assert_eq!(names(), expected);

        // Somebody is at work in the folder: it may be theirs.
        fs::write(folder.path().join(".file.abcdef.new"), "begun").unwrap();
        let at_work = alone_in(folder.path()).unwrap();
        replace(&folder.path().join("file"), b"whole").unwrap();
        assert!(names().iter().any(|name| name == ".file.abcdef.new"));
        drop(at_work);
        update(&folder.path().join("file"), |before| format!("{before}, and more")).unwrap();
        assert_eq!(names(), expected);
        assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "whole, and more");
    }

    #[test]
    fn whoever_changes_a_file_waits_for_those_who_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lines");
        let add = |n: usize| update(&file, |before| format!("{before}{n}\n")).unwrap();
        thread::scope(|scope| {
            for n in 0..20 {
                scope.spawn(move || add(n));
            }
        });
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 20);
    }

    #[test]
    fn a_link_is_not_followed() {
        let (_folder, theirs, link) = linked();
        assert!(replace(&link, b"ours").is_err());
        assert!(append(&link).is_err());
        assert!(written_before(&link).is_err());
        assert_eq!(fs::read_to_string(theirs).unwrap(), "theirs");
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(replace(&pipe, b"ours").is_err());
        assert!(append(&pipe).is_err());
        assert!(written_before(&pipe).is_err());
    }
}
