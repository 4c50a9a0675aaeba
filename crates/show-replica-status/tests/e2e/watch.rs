//! Again and again: in a pipe block after block, on a terminal full-screen until somebody has seen enough.
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use crate::util::{months, pair};

#[test]
fn in_a_pipe_there_is_a_block_each_time_until_a_signal() {
    let pair = pair();
    months(&pair).exits(0);
    let mut child = Command::new(env!("CARGO_BIN_EXE_show-replica-status"))
        .args(["--watch", "1", "--output", "text"])
        .env("REPLICA_TARGET", &pair.target.connection)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut blocks = 0;
    while blocks < 2 {
        let line = lines.next().expect("it goes on").unwrap();
        blocks += u32::from(line.contains("Nothing runs."));
        assert!(!line.contains('\x1b'), "{line:?}");
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

/// In a terminal that `script` makes, with a key typed into it once the screen is drawn. `None`: there is no `script` here.
fn typed(connection: &str, key: u8) -> Option<(Option<i32>, String)> {
    let command = format!("{} --watch 60", env!("CARGO_BIN_EXE_show-replica-status"));
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("REPLICA_TARGET", connection)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .inspect_err(|error| eprintln!("skipped: script: {error}"))
        .ok()?;
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut screen, mut some) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&screen).contains("q ends") {
        let read = stdout.read(&mut some).unwrap();
        assert!(read > 0, "{:?}", String::from_utf8_lossy(&screen));
        screen.extend_from_slice(&some[..read]);
    }
    stdin.write_all(&[key]).unwrap();
    stdin.flush().unwrap();
    stdout.read_to_end(&mut screen).unwrap();
    let code = child.wait().unwrap().code();
    Some((code, String::from_utf8_lossy(&screen).into_owned()))
}

#[test]
fn on_a_terminal_a_key_or_ctrl_c_ends_it_and_the_screen_is_given_back() {
    let pair = pair();
    months(&pair).exits(0);
    for (key, code) in [(b'q', 0), (3, 130)] {
        let Some((ended, screen)) = typed(&pair.target.connection, key) else { return };
        assert_eq!(ended, Some(code), "{screen:?}");
        assert!(screen.contains("dbo.t"), "{screen:?}");
        let (enter, leave) = (screen.find("\x1b[?1049h"), screen.rfind("\x1b[?25h\x1b[?1049l"));
        assert!(enter.is_some() && enter < leave, "{screen:?}");
    }
}
