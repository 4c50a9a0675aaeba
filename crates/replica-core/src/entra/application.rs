//! An application's token: a form with its secret, or with what somebody says who vouches for it (Microsoft identity
//! platform, "OAuth 2.0 client credentials flow").
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{Ask, Fresh, shown, variable};
use crate::config::{Secret, read_small_text};
use crate::error::{Error, Result};
use crate::http::{self, Answer, HttpRequest};

/// The environment's names are those of Azure's libraries (azure_identity, "Environment variables").
pub(super) const TENANT: &str = "AZURE_TENANT_ID";
pub(super) const CLIENT: &str = "AZURE_CLIENT_ID";
pub(super) const ASSERTION_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Who asks.
struct Application {
    client: String,
    tenant: String,
}

impl Application {
    /// `User Id=client@tenant`; what it lacks is in the environment.
    fn of(ask: &Ask) -> Result<Self> {
        let (client, tenant) = match ask.user.split_once('@') {
            Some((client, tenant)) => (client, Some(tenant.to_owned())),
            None => (ask.user.as_str(), None),
        };
        let client = Some(client.to_owned()).filter(|client| !client.is_empty()).or_else(|| variable(CLIENT));
        let client = client.ok_or_else(|| {
            Error::usage("no token: which application asks is not said")
                .remedy(format!("Give its client id as User Id=client@tenant, or in {CLIENT}."))
        })?;
        let tenant = tenant.or_else(|| variable(TENANT)).ok_or_else(|| {
            Error::usage("no token: the application's tenant is not said")
                .remedy(format!("Give it as User Id=client@tenant, or in {TENANT}."))
        })?;
        Ok(Self { client, tenant })
    }

    /// `proof`: what shows that it is the application, by the form's names.
    async fn token(&self, ask: &Ask, proof: &[(&str, &str)], secret: &Secret) -> Result<Fresh> {
        let url = ask.cloud.token_endpoint(self.tenant.trim(), variable(AUTHORITY))?;
        let place = url.place();
        let scope = format!("{}.default", ask.cloud.resource);
        let fields =
            [("client_id", self.client.as_str()), ("scope", &scope), ("grant_type", "client_credentials")];
        let form: Vec<String> =
            fields.iter().chain(proof).map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = HttpRequest::post(url, "application/x-www-form-urlencoded", form.join("&"));
        let answer = answered(&request, ask).await?;
        if answer.status == 200 {
            return Fresh::of_json(&answer.body, &place);
        }
        Err(refused(&place, &answer, secret))
    }
}

/// As a form has it.
pub(super) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

/// Sends a request to whoever gives tokens. The caller has a limit for all of it; this one is only the same.
pub(super) async fn answered(request: &HttpRequest, ask: &Ask) -> Result<Answer> {
    http::send(request, ask.limit).await.map_err(|error| error.within("no token"))
}

/// `Active Directory Service Principal`.
pub(super) async fn by_secret(ask: &Ask) -> Result<Fresh> {
    let proof = [("client_secret", ask.password.expose())];
    Application::of(ask)?.token(ask, &proof, &ask.password).await
}

/// `Active Directory Workload Identity`.
pub(super) async fn by_assertion(ask: &Ask) -> Result<Fresh> {
    let file = variable(ASSERTION_FILE).ok_or_else(|| {
        Error::usage(format!("no token: {ASSERTION_FILE} is not set"))
            .remedy("It names the file with the assertion that Kubernetes, or whoever vouches, writes for this workload.")
    })?;
    let assertion = std::fs::File::open(Path::new(file.trim())).and_then(read_small_text);
    let assertion =
        assertion.map_err(|error| Error::connect(format!("no token: {ASSERTION_FILE} {file}: {error}")))?;
    let assertion = Secret::new(assertion.trim());
    let proof = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.expose())];
    Application::of(ask)?.token(ask, &proof, &assertion).await
}

/// What an endpoint says that gives no token. `secret`: what it was shown, and may repeat.
pub(super) fn refused(place: &str, answer: &Answer, secret: &Secret) -> Error {
    let text = said(&answer.body, secret);
    let why = if text.is_empty() { String::new() } else { format!(": {text}") };
    let message = format!("no token: {place} answers with status {}{why}", answer.status);
    match (answer.status, remedy(&text)) {
        (_, Some(remedy)) => Error::connect(message).remedy(remedy),
        (300..=399, None) => Error::connect(message).remedy(
            "Redirections are not followed: check the address, and whether a proxy answers in its place.",
        ),
        (404 | 408 | 410 | 429 | 500.., None) => Error::unreachable(message).not_before(answer.retry_after),
        _ => Error::connect(message),
    }
}

/// The description of an error, in one line, without the secret and without what only Microsoft can look up.
fn said(body: &[u8], secret: &Secret) -> String {
    let reply: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = ["error_description", "message", "error"].iter().find_map(|name| reply.get(name)?.as_str());
    let text = text.unwrap_or_default();
    let text = text.split("Trace ID").next().unwrap_or_default();
    shown(text, secret).trim_end_matches('.').to_owned()
}

/// The way out of the most frequent errors (Microsoft Entra, "Microsoft Entra authentication and authorization error
/// codes").
fn remedy(text: &str) -> Option<&'static str> {
    let known = [
        ("AADSTS90002", "Check the tenant: what follows the @ in User Id, or AZURE_TENANT_ID."),
        ("AADSTS900023", "Check the tenant: what follows the @ in User Id, or AZURE_TENANT_ID."),
        ("AADSTS700016", "Check the client id, and that the application is in this tenant."),
        ("AADSTS7000215", "Give the secret's value, not its id, as the Password."),
        ("AADSTS7000222", "The secret's time is up: make a new one for the application."),
        (
            "AADSTS500011",
            "The tenant does not know Azure SQL, or the server is in another cloud than its name says.",
        ),
        (
            "AADSTS70021",
            "The application needs a federated credential for this workload's issuer and subject.",
        ),
        (
            "AADSTS700213",
            "The application needs a federated credential for this workload's issuer and subject.",
        ),
    ];
    let code = text.split(':').next()?.trim();
    known.iter().find(|(known, _)| *known == code).map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Error {
        let answer = Answer { status, body: body.into(), retry_after: None };
        refused("h:443", &answer, &Secret::new("hunter2~"))
    }

    #[test]
    fn what_the_endpoint_says_is_shown_without_secrets() {
        let error = refusal(
            401,
            r#"{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret hunter2~.\r\nTrace ID: x"}"#,
        );
        assert_eq!(
            error.to_string(),
            "no token: h:443 answers with status 401: AADSTS7000215: Invalid secret ***. Give the secret's value, not its \
             id, as the Password."
        );
        assert!(!error.is_transient());
        let echo =
            refusal(400, r#"{"error": "form: client_secret=hunter2%7E&assertion=eyJhbGciOi.eyJ9.c2ln&x"}"#);
        assert_eq!(
            echo.to_string(),
            "no token: h:443 answers with status 400: form: client_secret=***&assertion=***&x"
        );
        assert!(refusal(307, "").to_string().contains("Redirections are not followed"));
        let long = refusal(400, &format!(r#"{{"error": "{}"}}"#, "x".repeat(9000))).to_string();
        assert!(long.len() < 400, "{long}");
        for body in ["", "<html>hunter2</html>", "[1]", r#"{"error": {"code": "hunter2"}}"#] {
            assert_eq!(refusal(400, body).to_string(), "no token: h:443 answers with status 400", "{body}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for (status, passes) in
            [(400, false), (401, false), (302, false), (429, true), (500, true), (503, true)]
        {
            assert_eq!(refusal(status, "").is_transient(), passes, "{status}");
        }
    }
}
