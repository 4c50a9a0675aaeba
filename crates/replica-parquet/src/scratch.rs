//! A file for what is too long for memory. It has no name and ends with the process.
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Take, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

const BUFFER: usize = 64 << 10;

/// Filled from its beginning, read, and cleared. There is no file until something is written.
pub struct Scratch {
    folder: PathBuf,
    file: Option<BufWriter<File>>,
    length: u64,
}

impl Scratch {
    /// In the folder of the file that its bytes are for: there is room for those there, and a folder for temporary files may
    /// be in memory.
    pub fn beside(file: &Path) -> Self {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { folder: folder.to_owned(), file: None, length: 0 }
    }

    pub fn len(&self) -> u64 {
        self.length
    }

    /// For as long as nothing else is written or read.
    pub fn read(&mut self, range: &Range<u64>) -> io::Result<Take<File>> {
        let file = self.file()?;
        file.flush()?;
        let mut file = file.get_ref().try_clone()?;
        file.seek(SeekFrom::Start(range.start))?;
        Ok(file.take(range.end - range.start))
    }

    /// Gives up what it has.
    pub fn clear(&mut self) -> io::Result<()> {
        self.length = 0;
        if let Some(file) = &mut self.file {
            file.flush()?;
            file.get_ref().set_len(0)?;
            file.rewind()?;
        }
        Ok(())
    }

    fn file(&mut self) -> io::Result<&mut BufWriter<File>> {
        if self.file.is_none() {
            self.file = Some(BufWriter::with_capacity(BUFFER, tempfile::tempfile_in(&self.folder)?));
        }
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file()?.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
