//! Where result lines go.
use std::io::{self, StdoutLock, Write};

/// stdout, whose errors say that it was stdout: a full disk may be anyone's.
pub struct Out(StdoutLock<'static>);

/// stdout, until the end of a line or of a table's lines.
pub fn stdout() -> Out {
    Out(io::stdout().lock())
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(named)
    }
}

fn named(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("stdout: {error}"))
}
