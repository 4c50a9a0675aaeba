//! The real binary against the sandbox, whose change tracking is as strict as what is known of a server's
//! (docs/SANDBOX.md, "Change tracking and rowversion").
mod by_rowversion;
mod resets;
mod rounds;
mod tracked;
mod util;
