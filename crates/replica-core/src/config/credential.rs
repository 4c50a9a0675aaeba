//! How a session logs in.
use std::path::PathBuf;

/// The way in: what the login is made with. User Id and Password, where a way has them, are the endpoint's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// A SQL login: user and password.
    #[default]
    SqlPassword,
    /// A token of Entra, from here. The database knows the token's owner.
    Entra(TokenSource),
}

/// Where a token of Entra is had, anew for each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// A file that somebody else keeps fresh.
    File(PathBuf),
}
