//! What `--version` names beside the version: the target, and of what is installed the commit.
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=REPLICA_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    // Who develops would build everything again after each commit.
    let is_installed = variable("PROFILE").is_some_and(|profile| profile == "release");
    let commit = variable("REPLICA_COMMIT").or_else(|| is_installed.then(head).flatten());
    println!("cargo::rustc-env=REPLICA_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=REPLICA_TARGET={}", variable("TARGET").as_deref().unwrap_or("unknown"));
}

/// `None`: no git, or no repository.
fn head() -> Option<String> {
    // It changes with every commit.
    println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
