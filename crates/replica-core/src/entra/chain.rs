//! `Active Directory Default`: one way to a token after the other, so that the same configuration serves a developer's
//! machine and the place where it runs.
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{Ask, Fresh, application, managed, program, variable};
use crate::config::Secret;
use crate::error::{Error, Result};

/// Outside of Azure nobody answers at the metadata service's address.
const METADATA_PATIENCE: Duration = Duration::from_secs(2);
const SECRET: &str = "AZURE_CLIENT_SECRET";

/// The ways, in the order in which they are gone.
const WAYS: [(&str, TokenWay); 4] = [
    ("environment", TokenWay::Environment),
    ("workload identity", TokenWay::WorkloadIdentity),
    ("managed identity", TokenWay::ManagedIdentity),
    ("az", TokenWay::AzureCli),
];

#[derive(Clone, Copy)]
enum TokenWay {
    Environment,
    WorkloadIdentity,
    ManagedIdentity,
    AzureCli,
}

impl TokenWay {
    /// Whether the environment names this way. Then no other is gone where it fails: somebody else would log in, with
    /// rights of his own. Azure's libraries stop there, too (Azure/azure-sdk-for-go, issue 14214).
    fn is_named(self) -> bool {
        let name = match self {
            Self::Environment => SECRET,
            Self::WorkloadIdentity => application::ASSERTION_FILE,
            Self::ManagedIdentity => managed::ENDPOINT,
            Self::AzureCli => return false,
        };
        variable(name).is_some()
    }
}

/// The first that there is. The error names what each of them lacks.
pub(super) async fn token(ask: &Ask) -> Result<Fresh> {
    let mut failures = Vec::new();
    let mut passes = false;
    let begun = Instant::now();
    for (name, way) in WAYS {
        let is_named = way.is_named();
        // Together they have the time of one.
        let ask = Ask { limit: ask.limit.saturating_sub(begun.elapsed()), ..ask.clone() };
        match by(way, &ask).await {
            Ok(fresh) => {
                log::debug!("Active Directory Default: a token by {name}");
                return Ok(fresh);
            }
            Err(error) if is_named => {
                return Err(error.within(format!("Active Directory Default, by {name}")));
            }
            Err(error) => {
                passes |= error.is_transient();
                let text = error.to_string();
                let text = text.strip_prefix("no token: ").unwrap_or(&text).trim_end_matches('.');
                failures.push(format!("{name}: {text}"));
            }
        }
    }
    let error = Error::connect(format!("no token by Active Directory Default: {}", failures.join("; ")))
        .remedy("Name the way that is meant with Authentication, for an error of its own.");
    Err(if passes { error.that_passes() } else { error })
}

async fn by(way: TokenWay, ask: &Ask) -> Result<Fresh> {
    match way {
        TokenWay::Environment => {
            let password = variable(SECRET).ok_or_else(|| Error::usage(format!("{SECRET} is not set")))?;
            let ask = Ask { user: String::new(), password: Secret::new(password), ..ask.clone() };
            application::by_secret(&ask).await
        }
        TokenWay::WorkloadIdentity => application::by_assertion(ask).await,
        TokenWay::ManagedIdentity => {
            let limit = ask.limit.min(METADATA_PATIENCE);
            managed::token(&Ask { limit, ..ask.clone() }).await
        }
        TokenWay::AzureCli => {
            let printed = timeout(ask.limit, program::of_azure_cli(ask.cloud.resource)).await;
            printed.unwrap_or_else(|_| Err(Error::unreachable("it does not end")))
        }
    }
}
