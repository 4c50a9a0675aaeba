//! Where to connect, and what is said about tables: connection strings, environment, replica.toml.
mod allowance;
mod apply;
mod connection_string;
mod credential;
mod data_source;
mod endpoint;
mod etl;
mod file;
#[cfg(feature = "schema")]
mod json_schema;
mod location;
mod notify;
mod publish;
mod schema;
mod secret;
mod small;

pub use allowance::{Allowance, Shrink};
pub use apply::Apply;
pub use credential::{Credential, Kerberos, TokenSource};
pub use endpoint::{ApplicationIntent, ConnectRetry, Encrypt, Endpoint, PasswordOrigin};
pub use etl::{Etl, SchemaCheck};
pub(crate) use file::listed;
pub use file::{Config, TableSettings};
#[cfg(feature = "schema")]
pub use json_schema::json_schema;
pub use notify::{Notify, NotifyAddress, NotifyWhen};
pub use publish::Publish;
pub use schema::{Feature, SchemaSettings};
pub use secret::Secret;
pub use small::{read_small, read_small_text};
