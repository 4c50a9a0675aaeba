//! The keywords of connection strings, and what is wrong with text that may hold a password.
use crate::config::connection_string::normal;
use crate::error::Error;

/// The keywords that are understood, for who misspells one.
const KEYWORDS: &[&str] = &[
    "Server",
    "Data Source",
    "Address",
    "Database",
    "Initial Catalog",
    "User Id",
    "Password",
    "Encrypt",
    "TrustServerCertificate",
    "HostNameInCertificate",
    "ServerCertificate",
    "Application Name",
    "Workstation ID",
    "ApplicationIntent",
    "MultiSubnetFailover",
    "Connect Timeout",
    "ConnectRetryCount",
    "ConnectRetryInterval",
    "Command Timeout",
    "Packet Size",
    "Integrated Security",
    "Trusted_Connection",
    "Authentication",
    "ServerSPN",
    "KeytabFile",
    "Principal",
];

/// Keywords that the drivers know and that nothing here can honour: pools, failover partners of mirroring, encrypted
/// columns, the session's language, the ways of one driver. A string that has one is told so. Sources: Microsoft.Data.SqlClient,
/// `SqlConnection.ConnectionString`; Microsoft ODBC Driver, "DSN and Connection String Keywords and Attributes"; Microsoft
/// JDBC Driver, "Setting the connection properties"; go-mssqldb, README.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "accesstokencallbackclass",
    "ansinpw",
    "asynchronousprocessing",
    "attestationprotocol",
    "autotranslate",
    "bulkcopyforbatchinsertallowencryptedvaluemodifications",
    "bulkcopyforbatchinsertbatchsize",
    "bulkcopyforbatchinsertcheckconstraints",
    "bulkcopyforbatchinsertfiretriggers",
    "bulkcopyforbatchinsertkeepidentity",
    "bulkcopyforbatchinsertkeepnulls",
    "bulkcopyforbatchinserttablelock",
    "cachebulkcopymetadata",
    "calcbigdecimalprecision",
    "cancelquerytimeout",
    "clientcertificate",
    "clientcharset",
    "clientkey",
    "clientkeypassword",
    "columnencryptionsetting",
    "concatnullyieldsnull",
    "connectionlifetime",
    "connectionreset",
    "contextconnection",
    "currentlanguage",
    "datatypecompatibility",
    "datetimeparametertype",
    "delayloadinglobs",
    "description",
    "disableretry",
    "disablestatementpooling",
    "domain",
    "enableprepareonfirstpreparedstatementcall",
    "enclaveattestationurl",
    "enlist",
    "epaenabled",
    "failoverpartner",
    "failoverpartnerspn",
    "failoverport",
    "fips",
    "fipsprovider",
    "getdataextensions",
    "guidconversion",
    "ignoreoffsetondatetimeoffsetconversion",
    "ipaddresspreference",
    "jaasconfigurationname",
    "keepalive",
    "keepaliveinterval",
    "keystoreauthentication",
    "keystorelocation",
    "keystoreprincipalid",
    "keystoresecret",
    "keyvaultproviderclientid",
    "keyvaultproviderclientkey",
    "language",
    "lastupdatecount",
    "loadbalancetimeout",
    "locktimeout",
    "log",
    "longasmax",
    "marsconn",
    "marsconnection",
    "maxpoolsize",
    "maxresultbuffer",
    "minpoolsize",
    "multipleactiveresultsets",
    "notraceid",
    "poolblockingperiod",
    "pooling",
    "preparemethod",
    "protocol",
    "querylogfile",
    "querylogon",
    "querylogtime",
    "querytimeout",
    "quotedid",
    "quotedidentifier",
    "regional",
    "replication",
    "responsebuffering",
    "retryconn",
    "retryexec",
    "savefile",
    "selectmethod",
    "sendstringparametersasunicode",
    "sendtemporaldatatypesasstringforbulkcopy",
    "sendtimeasdatetime",
    "servernameasace",
    "serverpreparedstatementdiscardthreshold",
    "servertimezone",
    "socketfactoryclass",
    "socketfactoryconstructorarg",
    "sockettimeout",
    "sslprotocol",
    "statementpoolingcachesize",
    "statslogfile",
    "statslogon",
    "tdsversion",
    "timezone",
    "tlsmin",
    "transactionbinding",
    "transparentnetworkipresolution",
    "trustmanagerclass",
    "trustmanagerconstructorarg",
    "truststore",
    "truststorepassword",
    "truststoretype",
    "typesystemversion",
    "usebulkcopyforbatchinsert",
    "usedefaultgsscredential",
    "usedefaultjaasconfig",
    "usefmtonly",
    "userinstance",
    "vectortypesupport",
    "xopenstates",
];

/// The keywords of a password.
pub(super) const PASSWORDS: &[&str] = &["password", "pwd"];

/// Whether a semicolon was forgotten before a password: what stands in other values is shown, and sent in plain text.
pub(super) fn holds_a_password(value: &str) -> bool {
    let mut parts: Vec<_> = value.split('=').collect();
    parts.pop();
    parts.iter().any(|before| {
        let word = before.trim_end().rsplit(|c: char| !c.is_alphanumeric()).next();
        word.is_some_and(|word| PASSWORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
    })
}

/// What stands before the equals sign may be the tail of a password with a semicolon in it: it is repeated only where it
/// is a misspelt keyword.
pub(super) fn unknown_keyword(typed: &str, keyword: &str) -> Error {
    let like = |known: &&&str| strsim::damerau_levenshtein(&normal(known), typed) <= known.len() / 4;
    match KEYWORDS.iter().find(like) {
        Some(known) => Error::usage(format!("Unknown connection keyword '{keyword}'"))
            .remedy(format!("Did you mean '{known}'?")),
        None => Error::usage("What stands before an equals sign is no connection keyword").remedy(
            "A value with a semicolon or a quote in it goes in double quotes. docs/CONNECTING.md has the keywords.",
        ),
    }
}
