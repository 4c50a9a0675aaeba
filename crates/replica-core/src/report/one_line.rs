//! A text on one line. Errors need it, and what is told of a run needs errors: it stands alone.

/// For a line that people or pipelines read: a tab or line break would make two of it, and a terminal obeys the rest.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
