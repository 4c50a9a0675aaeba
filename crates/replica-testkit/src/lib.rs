//! For the end-to-end tests: a server, databases on it, the real binaries, and a look at what they left behind.
//!
//! The server is the one that `REPLICA_TEST_SERVER` names (an ADO.NET string of a login that may create databases),
//! or a sandbox of the test's own. Databases have names of their own and are dropped at the end.
mod client;
mod clock;
mod command_line;
pub mod confirm;
mod database;
mod dice;
pub mod family;
mod far;
mod gate;
pub mod kdc;
pub mod offenders;
mod program;
pub mod proxy;
pub mod rough;
mod round_trips;
mod server;
mod tenant;
mod timing;
mod troubled;
mod watch;
mod web;

pub use client::Client;
pub use clock::faketime;
pub use command_line::{options, refusal};
pub use database::{Database, Pair};
pub use dice::Dice;
pub use far::FarWay;
pub use gate::{Gate, SentTraffic};
pub use kdc::{Kdc, SilentKdc};
pub use program::{Program, ProgramExit, Running};
pub use round_trips::RoundTrips;
pub use server::{Identity, Server};
pub use tenant::Tenant;
pub use timing::{TimingLine, slow_catalog};
pub use troubled::Troubled;
pub use watch::watch;
pub use web::{Web, WebProxy, WebReply};
