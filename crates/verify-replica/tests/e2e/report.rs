//! The HTML report: what is in it, that nothing in it can do harm, and that a browser draws it.
use std::path::Path;
use std::process::Command;

use replica_testkit::{Pair, Program};

use crate::util::{QUARTER, fault, quarter, skip, tool};

/// Of a quarter of which January differs, after a run with a retry.
fn page() -> String {
    let pair = quarter("date");
    pair.target("DELETE FROM dbo.t WHERE day IS NOT NULL");
    if pair.server.is_sandbox() {
        fault(&pair, "'deadlock', 'dbo.t'");
    }
    tool(&pair).run(&[QUARTER, &["--repair=windows"]].concat()).exits(0);
    pair.target("UPDATE dbo.t SET n = -3 WHERE id = 3");
    let program = tool(&pair);
    program.run(&[QUARTER, &["--report=page.html"]].concat()).exits(1).says("the report is in page.html");
    left(&program)
}

/// The page that the program has left in its folder.
fn left(program: &Program) -> String {
    std::fs::read_to_string(program.folder().join("page.html")).unwrap()
}

fn count(page: &str, text: &str) -> usize {
    page.matches(text).count()
}

#[test]
fn windows_rows_and_runs_are_in_it() {
    let page = page();
    assert_eq!(count(&page, "<rect class=\"equal\" x="), 2, "{page}");
    assert_eq!(count(&page, "<rect class=\"different\" x="), 1, "{page}");
    assert_eq!(count(&page, "<rect class=\"none\" x="), 9, "April to December were not checked\n{page}");
    assert!(page.contains("<title>2024-02: equal\nsource: 29 rows, hash "), "{page}");
    assert!(page.contains("\n1 changed</title>"), "{page}");
    assert!(
        page.contains(
            "changed</td><td class=\"value\" data-head=\"key\">id=3</td><td data-head=\"column\">n</td>"
        ),
        "{page}"
    );
    assert_eq!(count(&page, "<rect class=\"insert\" x="), 3, "three windows were loaded\n{page}");
    assert!(page.contains("1 retry"), "{page}");
    assert!(page.contains("verify-replica on "), "{page}");
}

#[test]
fn what_was_repaired_is_shown_as_it_was() {
    let pair = quarter("date");
    pair.target("UPDATE dbo.t SET n = -3 WHERE id = 3");
    let program = tool(&pair);
    program.run(&[QUARTER, &["--report", "page.html", "--repair"]].concat()).exits(0);
    let page = left(&program);
    assert_eq!(count(&page, "<rect class=\"repaired\" x="), 1, "{page}");
    assert!(page.contains("<td class=\"value\" data-head=\"key\">id=3</td>"), "{page}");
}

/// Everything that comes from a server is text.
#[test]
fn nothing_from_outside_becomes_markup() {
    let pair = Pair::new();
    let name = "[<script>alert(1)</script>]";
    pair.both(&format!("CREATE TABLE dbo.{name} (id varchar(90) NOT NULL PRIMARY KEY, [\"><img src=x onerror=alert(1)>] nvarchar(90) NULL)"));
    pair.source(&format!(
        "INSERT INTO dbo.{name} VALUES ('</td><script>alert(2)</script>', N'<b>&amp;''\"')"
    ));
    pair.target(&format!(
        "INSERT INTO dbo.{name} VALUES ('</td><script>alert(2)</script>', N'</title><svg onload=alert(3)>')"
    ));
    let program = tool(&pair);
    program.run(&[&format!("dbo.{name}"), "--report=page.html"]).exits(1);
    let page = left(&program).to_lowercase();
    for markup in ["<script", "<img", "<b>&", "<svg onload"] {
        assert!(!page.contains(markup), "{markup}\n{page}");
    }
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"), "{page}");
}

#[test]
fn it_needs_no_network() {
    let page = page();
    assert!(page.contains("default-src 'none'"), "{page}");
    for reference in ["http:", "https:", "//", "@import", "url(", "<script", "<link rel=\"stylesheet\""] {
        assert!(!page.contains(reference), "{reference}\n{page}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_refused_at_once() {
    let pair = Pair::new();
    tool(&pair).run(&["dbo.t", "--report=no/such/folder.html"]).exits(2).says("no folder");
    let program = tool(&pair);
    std::os::unix::fs::symlink("/etc/passwd", program.folder().join("link.html")).expect("a link");
    program.run(&["dbo.t", "--report=link.html"]).exits(2).says("it is no regular file");
}

#[test]
fn a_browser_draws_it_in_light_and_dark() {
    let Some(browser) = browser() else {
        assert!(std::env::var_os("CI").is_none(), "chromium belongs to CI: scripts/install-clients");
        return skip("chromium is not installed: scripts/install-clients");
    };
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, page()).unwrap();
    let [light, dark] = [1, 0].map(|scheme| screenshot(&browser, folder.path(), scheme));
    assert_ne!(light, dark, "the colours follow the system's");
    // Read back as the browser understood it: all cells of the calendar, none of them without a place.
    let page = chromium(&browser, folder.path(), &["--dump-dom", &format!("file://{}", file.display())]);
    assert_eq!(count(&page.stdout, "<rect class=\"none\" x="), 9, "{page}");
    assert!(!page.stderr.contains("CONSOLE"), "{page}");
}

fn browser() -> Option<String> {
    let is_there =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|run| run.status.success());
    ["chromium", "chromium-browser"].into_iter().find(is_there).map(str::to_owned)
}

fn chromium(browser: &str, folder: &Path, args: &[&str]) -> replica_testkit::ProgramExit {
    let profile = tempfile::TempDir::new_in(folder).unwrap();
    let profile = format!("--user-data-dir={}", profile.path().display());
    let fixed = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
        &profile,
    ];
    Program::new(browser).run(&[&fixed, args].concat()).exits(0)
}

/// A picture, as PNG.
fn screenshot(browser: &str, folder: &Path, scheme: u8) -> Vec<u8> {
    let picture = folder.join(format!("{scheme}.png"));
    let page = format!("file://{}", folder.join("page.html").display());
    let colours = format!("--blink-settings=preferredColorScheme={scheme}");
    let shot = format!("--screenshot={}", picture.display());
    chromium(browser, folder, &["--hide-scrollbars", "--window-size=1000,700", &colours, &shot, &page]);
    let bytes = std::fs::read(picture).unwrap();
    assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 10_000, "{} bytes", bytes.len());
    bytes
}
