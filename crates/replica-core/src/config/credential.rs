//! How a session logs in.
use std::path::PathBuf;

use super::connection_string::normal;
use crate::error::{Error, Result};

/// The way in: what the login is made with. User Id and Password, where a way has them, are the endpoint's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// A SQL login: user and password.
    #[default]
    SqlPassword,
    /// A Windows login, by a ticket of Kerberos.
    Kerberos,
    /// A token of Entra, from here. The database knows the token's owner.
    Entra(TokenSource),
}

/// Where a token of Entra is had, for each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// An application that shows a secret. User Id: its client id, with `@tenant`; Password: the secret.
    ServicePrincipal,
    /// The machine's identity in Azure. User Id: the client id, where it has several.
    ManagedIdentity,
    /// An application for which somebody vouches whom Entra trusts: Kubernetes above all.
    WorkloadIdentity,
    /// The first that there is of the environment's secret, workload identity, managed identity, and the Azure CLI.
    Default,
    /// A file that somebody else keeps fresh.
    File(PathBuf),
    /// A program that prints one: its name and arguments, without a shell.
    Command(Vec<String>),
}

/// What a login by Kerberos is made with. What is not said is left to the library: the environment's keytab or cache, and
/// the name by which the server is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kerberos {
    /// The server's service principal name.
    pub server_spn: Option<String>,
    /// The file with the keys of the account that logs in.
    pub keytab_file: Option<PathBuf>,
    /// That account, `user@REALM`.
    pub principal: Option<String>,
}

/// The values of `Authentication` that Microsoft's drivers know, as they are compared (Microsoft.Data.SqlClient,
/// `SqlAuthenticationMethod`; ODBC and JDBC write them without blanks).
const ENTRA: &[(&str, TokenSource)] = &[
    ("activedirectoryserviceprincipal", TokenSource::ServicePrincipal),
    // go-mssqldb's other name for it (azuread, "ActiveDirectoryApplication").
    ("activedirectoryapplication", TokenSource::ServicePrincipal),
    ("activedirectorymanagedidentity", TokenSource::ManagedIdentity),
    ("activedirectorymsi", TokenSource::ManagedIdentity),
    ("activedirectoryworkloadidentity", TokenSource::WorkloadIdentity),
    ("activedirectorydefault", TokenSource::Default),
];

/// Those of Entra that want a person, or a person's password.
const FOR_PEOPLE: &[&str] =
    &["activedirectorypassword", "activedirectoryinteractive", "activedirectorydevicecodeflow"];

impl Credential {
    /// What the value of the keyword `Authentication` means.
    ///
    /// # Errors
    /// Of kind `Usage`: nothing that can be done here.
    pub(super) fn named(value: &str) -> Result<Self> {
        let value = normal(value);
        if matches!(value.as_str(), "sqlpassword" | "notspecified") {
            return Ok(Self::SqlPassword);
        }
        if let Some((_, source)) = ENTRA.iter().find(|(name, _)| *name == value) {
            return Ok(Self::Entra(source.clone()));
        }
        if FOR_PEOPLE.contains(&value.as_str()) {
            return Err(Error::usage(
                "This value of 'Authentication' logs a person in, who answers questions or has a second factor",
            )
            .remedy(
                "Give the tools an identity of their own: Active Directory Service Principal, Managed Identity or Workload \
                 Identity. Active Directory Default takes the person who has logged in with az.",
            ));
        }
        if value == "activedirectoryintegrated" {
            // For a server of one's own it is the same as Integrated Security.
            return Ok(Self::Kerberos);
        }
        Err(Error::usage(
            "The value of 'Authentication' must be Sql Password or one of Active Directory Integrated, Service \
             Principal, Managed Identity, Workload Identity and Default",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_spellings() {
        for (value, source) in [
            ("Active Directory Service Principal", TokenSource::ServicePrincipal),
            ("ActiveDirectoryServicePrincipal", TokenSource::ServicePrincipal),
            ("Active Directory Managed Identity", TokenSource::ManagedIdentity),
            ("ActiveDirectoryMsi", TokenSource::ManagedIdentity),
            ("active directory MSI", TokenSource::ManagedIdentity),
            ("ActiveDirectoryWorkloadIdentity", TokenSource::WorkloadIdentity),
            ("Active Directory Default", TokenSource::Default),
        ] {
            assert_eq!(Credential::named(value).unwrap(), Credential::Entra(source), "{value}");
        }
        assert_eq!(Credential::named("SqlPassword").unwrap(), Credential::SqlPassword);
    }

    #[test]
    fn refusals_show_the_way_out() {
        for (value, way_out) in [
            ("Active Directory Password", "Service Principal"),
            ("ActiveDirectoryInteractive", "az"),
            ("Active Directory Device Code Flow", "Managed Identity"),
            ("Active Directory", "Default"),
        ] {
            let error = Credential::named(value).unwrap_err().to_string();
            assert!(error.contains(way_out), "{value}: {error}");
        }
    }
}
