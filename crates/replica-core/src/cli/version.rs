//! What `--version` prints: enough to know which program it is that somebody has.

/// Name and version first, as scripts look for them.
pub(super) fn version(name: &str, features: &[&str]) -> String {
    let debug: &[&str] = if cfg!(debug_assertions) { &["debug"] } else { &[] };
    let features = [&["rustls"], features, debug].concat();
    format!(
        "{name} {}\ncommit: {}\ntarget: {}\nfeatures: {}\n",
        env!("CARGO_PKG_VERSION"),
        env!("REPLICA_COMMIT"),
        env!("REPLICA_TARGET"),
        features.join(", ")
    )
}
