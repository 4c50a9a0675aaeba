//! A terminal, full-screen: drawn anew each time, and left as it was.
use std::io::{self, Read, Write};
use std::thread;

use replica_core::report;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The alternate screen, without a cursor; and back (ECMA-48, and xterm's control sequences).
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// A full screen. The terminal is given back when it is dropped.
pub struct Screen {
    keys: UnboundedReceiver<u8>,
    /// Held so that keys come one by one and are not shown.
    _keyboard: Option<keyboard::Keyboard>,
}

impl Screen {
    /// # Errors
    /// Those of stdout.
    pub fn open() -> io::Result<Self> {
        let keyboard = keyboard::Keyboard::open();
        let (tell, keys) = unbounded_channel();
        if keyboard.is_some() {
            // Reading a terminal cannot be called off: the thread goes with the process.
            thread::spawn(move || {
                let keys = io::stdin().lock().bytes().map_while(Result::ok);
                for key in keys {
                    if tell.send(key).is_err() {
                        return;
                    }
                }
            });
        }
        let mut out = report::stdout();
        out.write_all(ENTER.as_bytes())?;
        out.flush()?;
        Ok(Self { keys, _keyboard: keyboard })
    }

    /// Shows as many lines as there is room for.
    ///
    /// # Errors
    /// Those of stdout.
    pub fn draw(&mut self, text: &str) -> io::Result<()> {
        let (rows, columns) = keyboard::size();
        let mut page = String::from("\x1b[H");
        let lines: Vec<&str> = text.lines().collect();
        // The last row tells how to end it, and that there is more.
        let room = rows.saturating_sub(1);
        for line in lines.iter().take(room) {
            page.extend(line.chars().take(columns));
            page.push_str("\x1b[K\r\n");
        }
        let more = lines.len().saturating_sub(room);
        let hint =
            if more == 0 { "q ends".to_owned() } else { format!("q ends; {more} more lines do not fit") };
        page.push_str("\x1b[J");
        page.push_str(&hint.chars().take(columns).collect::<String>());
        let mut out = report::stdout();
        out.write_all(page.as_bytes())?;
        out.flush()
    }

    /// Waits for the key that ends it.
    pub async fn quit(&mut self) {
        loop {
            match self.keys.recv().await {
                Some(b'q' | b'Q') => return,
                Some(_) => {}
                // Nobody types any more; a signal may come.
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = report::stdout();
        // A terminal that is gone needs nothing back.
        let _ = out.write_all(LEAVE.as_bytes()).and_then(|()| out.flush());
    }
}

#[cfg(unix)]
mod keyboard {
    use std::io;

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

    /// stdin, if it is a terminal: keys come at once. Ctrl-C stays the signal that it is.
    pub struct Keyboard(Termios);

    impl Keyboard {
        pub fn open() -> Option<Self> {
            let before = tcgetattr(io::stdin()).ok()?;
            let mut now = before.clone();
            now.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            tcsetattr(io::stdin(), OptionalActions::Now, &now).ok()?;
            Some(Self(before))
        }
    }

    impl Drop for Keyboard {
        fn drop(&mut self) {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        }
    }

    /// Rows and columns.
    pub fn size() -> (usize, usize) {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
            _ => (24, 80),
        }
    }
}

#[cfg(not(unix))]
mod keyboard {
    pub struct Keyboard;

    impl Keyboard {
        pub fn open() -> Option<Self> {
            None
        }
    }

    /// Rows and columns.
    pub fn size() -> (usize, usize) {
        (24, 80)
    }
}
