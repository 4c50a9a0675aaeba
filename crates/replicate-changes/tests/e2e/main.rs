//! The real binary against the sandbox, whose change tracking is as strict as what is known of a server's
//! (docs/SANDBOX.md, "Change tracking and rowversion").
mod books;
mod by_rowversion;
mod costs;
mod meanwhile;
mod resets;
mod rounds;
mod tracked;
mod util;
mod windows;
