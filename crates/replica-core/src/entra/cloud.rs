//! Which of Azure's clouds a server is in: who gives tokens there, and what they are for.
use crate::error::{Error, Result};
use crate::http::Url;

/// One of Azure's clouds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cloud {
    /// The domain that its servers are in.
    domain: &'static str,
    authority: &'static str,
    /// What a token is for, with a slash at its end.
    pub resource: &'static str,
}

/// Microsoft.Data.SqlClient, `AzureSqlServerEndpoints`; the authorities are those of azure_identity. Fabric's endpoints
/// (`datawarehouse.fabric.microsoft.com`) are of the public cloud (docs/UNCONFIRMED.md).
const OTHERS: [Cloud; 2] = [
    Cloud {
        domain: ".usgovcloudapi.net",
        authority: "https://login.microsoftonline.us",
        resource: "https://database.usgovcloudapi.net/",
    },
    Cloud {
        domain: ".chinacloudapi.cn",
        authority: "https://login.chinacloudapi.cn",
        resource: "https://database.chinacloudapi.cn/",
    },
];
const PUBLIC: Cloud = Cloud {
    domain: ".windows.net",
    authority: "https://login.microsoftonline.com",
    resource: "https://database.windows.net/",
};

impl Cloud {
    /// The cloud of this server; the public one, unless its name says otherwise.
    pub(super) fn of_server(host: &str) -> Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        OTHERS.into_iter().find(|cloud| host.ends_with(cloud.domain)).unwrap_or(PUBLIC)
    }

    /// Where an application of `tenant` asks. `authority`: what AZURE_AUTHORITY_HOST says.
    ///
    /// # Errors
    /// Of kind `Usage`: a tenant that can be none, an authority without TLS.
    pub(super) fn token_endpoint(&self, tenant: &str, authority: Option<String>) -> Result<Url> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if tenant.is_empty() || !tenant.chars().all(is_name) {
            return Err(Error::usage("The tenant must be an id or a domain")
                .remedy("Give it as User Id=client@tenant, or in AZURE_TENANT_ID."));
        }
        let authority = authority.unwrap_or_else(|| self.authority.to_owned());
        let authority = if authority.contains("://") { authority } else { format!("https://{authority}") };
        let authority = authority.trim().trim_end_matches('/');
        let url = Url::parse(&format!("{authority}/{tenant}/oauth2/v2.0/token"))
            .map_err(|error| error.within("AZURE_AUTHORITY_HOST"))?;
        if url.is_https() {
            return Ok(url);
        }
        Err(Error::usage("AZURE_AUTHORITY_HOST is not spoken to under TLS")
            .remedy("It must begin with https://."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_domain_decides() {
        for (host, resource) in [
            ("s.database.windows.net", "https://database.windows.net/"),
            ("x.datawarehouse.fabric.microsoft.com", "https://database.windows.net/"),
            ("db.example.org", "https://database.windows.net/"),
            ("s.Database.USGovCloudApi.net", "https://database.usgovcloudapi.net/"),
            ("mi.1234.database.chinacloudapi.cn.", "https://database.chinacloudapi.cn/"),
            ("database.chinacloudapi.cn.example.org", "https://database.windows.net/"),
        ] {
            assert_eq!(Cloud::of_server(host).resource, resource, "{host}");
        }
    }

    #[test]
    fn secrets_go_out_under_tls_only() {
        let place = |tenant: &str, authority: Option<&str>| {
            Cloud::of_server("h").token_endpoint(tenant, authority.map(str::to_owned)).map(|url| url.place())
        };
        assert_eq!(place("t", None).unwrap(), "login.microsoftonline.com:443");
        assert_eq!(place("a.example.org", Some("https://localhost:8443/")).unwrap(), "localhost:8443");
        assert_eq!(place("t", Some("login.example.org")).unwrap(), "login.example.org:443");
        for (tenant, authority) in [("t", Some("http://localhost")), ("", None), ("a/b", None), ("t?x", None)]
        {
            assert!(place(tenant, authority).is_err(), "{tenant} {authority:?}");
        }
    }
}
