//! The identity that Azure gives a machine: the App Service's endpoint where the environment names one, else the
//! instance metadata service (Microsoft Entra, "How to use managed identities for Azure resources on an Azure VM to
//! acquire an access token"; App Service, "Use managed identities", "REST endpoint reference").
use super::application::{answered, encoded, refused};
use super::{Ask, Fresh, variable};
use crate::config::Secret;
use crate::error::{Error, Result};
use crate::http::{HttpRequest, Url};

/// The instance metadata service: an address that only the machine itself can ask, without TLS.
const METADATA_SERVICE: &str = "http://169.254.169.254";
/// Azure's libraries take another address from it, too (azure-identity of Python, `ImdsCredential`).
const METADATA_HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
pub(super) const ENDPOINT: &str = "IDENTITY_ENDPOINT";
const HEADER: &str = "IDENTITY_HEADER";

/// `Active Directory Managed Identity`.
pub(super) async fn token(ask: &Ask) -> Result<Fresh> {
    let (request, header) = request(ask)?;
    let place = request.place();
    let answer = answered(&request, ask).await.map_err(|error| {
        error.remedy(
            "Does this run in Azure, on something with an identity? Elsewhere use a service principal.",
        )
    })?;
    match answer.status {
        200 => Fresh::of_json(&answer.body, &place),
        400 => Err(refused(&place, &answer, &header)
            .remedy("Give the machine an identity. If it has several, name one: User Id is its client id.")),
        _ => Err(refused(&place, &answer, &header)),
    }
}

/// The request, and the secret in its header.
fn request(ask: &Ask) -> Result<(HttpRequest, Secret)> {
    let mut wanted = format!("resource={}", encoded(ask.cloud.resource));
    if !ask.user.is_empty() {
        wanted.push_str(&format!("&client_id={}", encoded(&ask.user)));
    }
    let url = |text: String, name: &str| Url::parse(&text).map_err(|error| error.within(name));
    match (variable(ENDPOINT), variable(HEADER)) {
        (Some(endpoint), Some(header)) => {
            let url = url(format!("{}?api-version=2019-08-01&{wanted}", endpoint.trim()), ENDPOINT)?;
            Ok((
                HttpRequest::get(url).header("X-IDENTITY-HEADER", header.trim())?,
                Secret::new(header.trim()),
            ))
        }
        // Azure Arc proves by a file of root's who asks; Service Fabric has a certificate of its own.
        (Some(_), None) => {
            Err(Error::usage(format!("no token: {ENDPOINT} is set without {HEADER}, as Azure Arc does"))
                .remedy("The tools do not ask Azure Arc. Use a service principal, or access_token_command."))
        }
        (None, _) => {
            let host = variable(METADATA_HOST).unwrap_or_else(|| METADATA_SERVICE.to_owned());
            let host = host.trim().trim_end_matches('/');
            let url = url(
                format!("{host}/metadata/identity/oauth2/token?api-version=2018-02-01&{wanted}"),
                METADATA_HOST,
            )?;
            Ok((HttpRequest::get(url).header("Metadata", "true")?, Secret::default()))
        }
    }
}
