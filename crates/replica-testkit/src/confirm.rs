//! The questions of docs/UNCONFIRMED.md: what nobody has confirmed, as steps that a server takes, and what is
//! expected of it.
//!
//! A question is a `###` heading and a block below it that is fenced as `confirm`, in which a line is a step:
//!
//! ```text
//! 1: SQL                  session 1 runs it; what cannot be run is no answer
//! 1 works: SQL            it is expected to work
//! 1 fails with 4891: SQL  it is expected to be refused, by this error
//! 1 gives 42: SELECT ...  its one value is expected to be this one; `nothing` stands for NULL and for no row
//! ```
//!
//! Instead of SQL there may be the message of a bulk load: `BULK` and hexadecimal digits, or `BULK INTS 1 6000`, the
//! rows of a table with one int that is NOT NULL. Indented lines go on with the step above them. Each question has a database
//! of its own, and its sessions wait for no lock.
use std::collections::BTreeMap;
use std::fmt;

use replica_core::catalog::record::CatalogRow;
use replica_core::error::{Error, Result};

use crate::{Client, Database, Server};

/// docs/UNCONFIRMED.md
pub const PAGE: &str = include_str!("../../../docs/UNCONFIRMED.md");

/// What is asked of a server.
#[derive(Debug)]
pub struct Question {
    pub title: String,
    steps: Vec<QuestionStep>,
}

#[derive(Debug, PartialEq, Eq)]
struct QuestionStep {
    session: u32,
    expected: Option<Expected>,
    what: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Works,
    Fails(u32),
    Gives(String),
}

/// What a server's answers come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Confirmation {
    Confirmed,
    /// The server does otherwise: the step, and what happened.
    Refuted(String),
    /// The question could not be put: the step, and what kept it.
    Unanswered(String),
}

impl fmt::Display for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed => f.write_str("confirmed"),
            Self::Refuted(how) => write!(f, "refuted: {how}"),
            Self::Unanswered(why) => write!(f, "unanswered: {why}"),
        }
    }
}

/// The questions of a page.
///
/// # Errors
/// A line that is no step, or a block without a heading.
pub fn questions(page: &str) -> std::result::Result<Vec<Question>, String> {
    let mut questions = Vec::new();
    let (mut title, mut block): (Option<&str>, Option<Question>) = (None, None);
    for line in page.lines() {
        match &mut block {
            None if line == "```confirm" => {
                let title = title.take().ok_or("a block without a heading of its own")?.to_owned();
                block = Some(Question { title, steps: Vec::new() });
            }
            None => title = line.strip_prefix("### ").or(title),
            Some(_) if line == "```" => questions.extend(block.take()),
            Some(question) => match (line.strip_prefix(' '), question.steps.last_mut()) {
                (Some(rest), Some(step)) => {
                    step.what = format!("{} {}", step.what, rest.trim()).trim().to_owned()
                }
                _ => question.steps.push(step(line).ok_or_else(|| format!("no step: {line}"))?),
            },
        }
    }
    Ok(questions)
}

fn step(line: &str) -> Option<QuestionStep> {
    let (head, what) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
    let (session, expected) =
        head.split_once(' ').map_or((head, None), |(session, rest)| (session, Some(rest)));
    let expected = match expected {
        None => None,
        Some("works") => Some(Expected::Works),
        Some(rest) => Some(match (rest.strip_prefix("fails with "), rest.strip_prefix("gives ")) {
            (Some(number), _) => Expected::Fails(number.parse().ok()?),
            (_, Some(value)) => Expected::Gives(value.to_owned()),
            _ => return None,
        }),
    };
    Some(QuestionStep { session: session.parse().ok()?, expected, what: what.trim().to_owned() })
}

impl Question {
    /// Puts the question to a server.
    pub fn ask(&self, server: &Server) -> Confirmation {
        let database = Database::create(server);
        let mut sessions = BTreeMap::new();
        for step in &self.steps {
            let client = sessions.entry(step.session).or_insert_with(|| {
                let mut client = database.client();
                client.run("SET LOCK_TIMEOUT 0");
                client
            });
            let said = match &step.expected {
                Some(Expected::Gives(value)) => {
                    step.value(client).map(|found| (found != *value).then_some(found))
                }
                _ => step.run(client).map(|()| None),
            };
            let what = &step.what;
            match (&step.expected, said) {
                (None, Err(error)) => return Confirmation::Unanswered(format!("{what}: {error}")),
                (Some(Expected::Fails(number)), Err(error)) if error.has_number(*number) => {}
                (Some(Expected::Fails(number)), Ok(_)) => {
                    return Confirmation::Refuted(format!(
                        "{what}: works, where error {number} was expected"
                    ));
                }
                (Some(_), Err(error)) => return Confirmation::Refuted(format!("{what}: {error}")),
                (_, Ok(Some(found))) => return Confirmation::Refuted(format!("{what}: gives {found}")),
                (_, Ok(None)) => {}
            }
        }
        Confirmation::Confirmed
    }
}

impl QuestionStep {
    fn run(&self, client: &mut Client) -> Result<()> {
        let Some(rows) = self.what.strip_prefix("BULK ") else {
            let has_rows = self.what.starts_with("SELECT ");
            return if has_rows {
                client.try_rows(&self.what).map(drop)
            } else {
                client.try_batch(&self.what)
            };
        };
        let message = message(rows).ok_or_else(|| Error::usage(format!("no message: {rows}")))?;
        client.try_bulk(&message)
    }

    fn value(&self, client: &mut Client) -> Result<String> {
        let rows = client.try_rows(&format!("SELECT CONVERT(nvarchar(400), ({})) AS found", self.what))?;
        let found = rows.first().map(CatalogRow::from);
        Ok(found.as_ref().and_then(|record| record.text("found")).unwrap_or("nothing").to_owned())
    }
}

/// COLMETADATA for one int that is NOT NULL, without a name ([MS-TDS] 2.2.6.1).
const ONE_INT: &[u8] = &[0x81, 1, 0, 0, 0, 0, 0, 4, 0, 0x38, 0];
const ROW: u8 = 0xD1;
const DONE: &[u8] = &[0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn message(rows: &str) -> Option<Vec<u8>> {
    if let Some(range) = rows.strip_prefix("INTS ") {
        let (first, last) = range.split_once(' ')?;
        let (first, last): (i32, i32) = (first.parse().ok()?, last.parse().ok()?);
        let ints = (first..=last).flat_map(|n| [ROW].into_iter().chain(n.to_le_bytes()));
        return Some(ONE_INT.iter().copied().chain(ints).chain(DONE.iter().copied()).collect());
    }
    let digits: String = rows.split_whitespace().collect();
    let bytes =
        digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(steps: &str) -> Confirmation {
        let page = format!("### Title\n\nText\n\n```confirm\n{steps}\n```\n");
        let questions = questions(&page).expect("steps");
        assert_eq!(questions.len(), 1);
        questions[0].ask(&Server::sandbox())
    }

    #[test]
    fn the_sandbox_does_what_the_tools_rely_on() {
        let server = Server::sandbox();
        for question in questions(PAGE).expect("steps") {
            let verdict = question.ask(&server);
            assert_eq!(verdict, Confirmation::Confirmed, "{}", question.title);
        }
    }

    #[test]
    fn what_is_expected_and_happens_is_confirmed() {
        let steps = "1: CREATE TABLE dbo.t (id int NOT NULL)\n\
                     1: INSERT BULK dbo.t ([id] int)\n\
                     1 works: BULK INTS 1 3\n\
                     1: BEGIN TRANSACTION\n\
                     1: UPDATE dbo.t\n  SET id = 4\n  WHERE id = 3\n\
                     2 fails with 1222: SELECT id FROM dbo.t\n\
                     1 gives 7: SELECT SUM(id) FROM dbo.t\n\
                     1 gives nothing: SELECT id FROM dbo.t WHERE id = 3";
        assert_eq!(asked(steps), Confirmation::Confirmed);
    }

    #[test]
    fn what_happens_otherwise_is_refuted() {
        for (steps, how) in [
            ("1 works: SELECT * FROM dbo.nowhere", "208"),
            ("1 fails with 207: SELECT * FROM dbo.nowhere", "208"),
            ("1 fails with 208: SET NOCOUNT ON", "works, where error 208 was expected"),
            ("1 gives 2: SELECT 1", "gives 1"),
            ("1 gives 2: SELECT 1 WHERE 1 = 0", "gives nothing"),
        ] {
            let verdict = asked(steps);
            assert!(
                matches!(&verdict, Confirmation::Refuted(said) if said.contains(how)),
                "{steps}: {verdict}"
            );
        }
    }

    #[test]
    fn what_cannot_be_asked_is_no_answer() {
        let verdict = asked("1: SELECT * FROM dbo.nowhere\n1 works: SELECT 1");
        assert!(matches!(&verdict, Confirmation::Unanswered(why) if why.contains("208")), "{verdict}");
        assert!(questions("### T\n```confirm\n1 may: SELECT 1\n```").is_err());
        assert!(questions("```confirm\n```").is_err());
    }
}
