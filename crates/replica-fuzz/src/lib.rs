//! What must hold of any bytes that a server, a file or a user can send.
//!
//! A target is a plain function that panics where something does not hold. `fuzz/` runs these functions under libFuzzer,
//! and this crate's test replays the corpus (`fuzz/corpus`) and runs each for a moment with [`Mutator`]. `scripts/fuzz` runs
//! either for as long as you like.
mod input;
mod mutator;
mod parquet;
mod rows;
mod seeds;
mod server;
mod text;
mod wire;

pub use mutator::Mutator;
pub use seeds::seeds;

/// A target's name, and what it does with some bytes.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [FuzzTarget; 11] = [
    ("tokens", wire::tokens),
    ("packets", wire::packets),
    ("prelogin", wire::prelogin),
    ("login7", wire::login7),
    ("columns", wire::columns),
    ("rows", rows::rows),
    ("connection_string", text::connection_string),
    ("configuration", text::configuration),
    ("names", text::names),
    ("parquet", parquet::parquet),
    ("client", server::client),
];

/// Runs a target on some bytes.
///
/// # Panics
/// There is no such target; something does not hold.
pub fn run(target: &str, bytes: &[u8]) {
    let (_, body) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of this name");
    body(bytes);
}
