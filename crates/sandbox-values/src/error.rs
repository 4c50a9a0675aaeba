//! What the sandbox answers when it refuses: a SQL Server error with its number.

/// An ERROR (class above 10) or INFO (class 10 or below) message, as the wire carries it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{number} {class}/{state} {text}")]
pub struct SqlError {
    pub number: i32,
    pub class: u8,
    pub state: u8,
    pub text: String,
    /// Line of the batch, from 1.
    pub line: u32,
    pub procedure: String,
}

impl SqlError {
    pub fn new(number: i32, class: u8, state: u8, text: impl Into<String>) -> Self {
        Self { number, class, state, text: text.into(), line: 1, procedure: String::new() }
    }
}
