//! Connection strings as people have them: of ADO.NET, of ODBC, of JDBC, and URLs. All of them become the keywords of
//! ADO.NET, which `Endpoint` knows.
mod ado;
mod jdbc;
mod odbc;
mod url;

use crate::error::{Error, Result};

/// Keywords and values in the order in which they count: of two that mean the same, the later one. No Debug: one of
/// them is a password.
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads a connection string in any of the forms.
    ///
    /// # Errors
    /// Bad grammar, or a form that leads to no server. The text is never repeated: what looks like a keyword may be the
    /// tail of a password.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Some(rest) = strip_prefix(text, "jdbc:sqlserver://") {
            return jdbc::parse(rest).map(Self);
        }
        if let Some(rest) = strip_prefix(text, "sqlserver://") {
            return url::parse(rest).map(Self);
        }
        if let Some((scheme, rest)) = text.split_once("://")
            && scheme.to_ascii_lowercase().starts_with("mssql")
        {
            return Err(url::not_ours(rest));
        }
        // Only a driver or a data source tells ODBC from ADO.NET, and only where its own grammar finds it: elsewhere it
        // may be part of a quoted value.
        let is_odbc = |pairs: &[(String, String)]| pairs.iter().any(|(keyword, _)| odbc::is_mark(keyword));
        match ado::parse(text) {
            Ok(pairs) if !is_odbc(&pairs) => Ok(Self(pairs)),
            Ok(_) => odbc::translate(&braced_pairs(text)?).map(Self),
            Err(error) => match braced_pairs(text) {
                Ok(pairs) if is_odbc(&pairs) => odbc::translate(&pairs).map(Self),
                _ => Err(error),
            },
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(keyword, value)| (keyword.as_str(), value.as_str()))
    }
}

/// A keyword as it is compared: without blanks and underscores, in lower case.
pub(super) fn normal(keyword: &str) -> String {
    keyword.chars().filter(|c| !c.is_whitespace() && *c != '_').flat_map(char::to_lowercase).collect()
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// `Server=` of ADO.NET: `host[\instance][,port]`.
fn server(host: &str, instance: Option<&str>, port: Option<&str>) -> String {
    let instance = instance.filter(|instance| !instance.is_empty()).map(|name| format!("\\{name}"));
    let port = port.filter(|port| !port.is_empty()).map(|port| format!(",{port}"));
    format!("{host}{}{}", instance.unwrap_or_default(), port.unwrap_or_default())
}

/// `host`, `host:port` or `[address]:port`.
fn host_and_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

/// The ADO.NET form of what is known of a string that cannot be used, for a remedy. The password is left out.
fn ado_form(server: Option<&str>, database: Option<&str>, user: Option<&str>) -> String {
    format!(
        "Server={};Database={};User Id={};Password=…",
        server.unwrap_or("host,1433"),
        database.unwrap_or("db"),
        user.unwrap_or("user")
    )
}

/// Splits `name=value;...` where a value may stand in braces, with `}` doubled inside: the grammar of ODBC and JDBC.
///
/// # Errors
/// A part without an equals sign; a brace that is not closed, or that something follows.
fn braced_pairs(text: &str) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
        if rest.is_empty() {
            return Ok(pairs);
        }
        let number = pairs.len() + 1;
        let Some((keyword, after)) =
            rest.split_once('=').filter(|(keyword, _)| !keyword.trim().is_empty() && !keyword.contains(';'))
        else {
            return Err(Error::usage(format!("Part {number} of the connection string is not keyword=value"))
                .remedy("A value with a semicolon or a brace in it goes in braces: {a;b}."));
        };
        let (value, after) = match after.trim_start().strip_prefix('{') {
            Some(inner) => braced(inner, keyword)?,
            None => {
                let (value, after) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), after)
            }
        };
        pairs.push((keyword.trim().to_owned(), value));
        rest = after;
    }
}

/// The value up to its closing brace, and what follows it.
fn braced<'a>(inner: &'a str, keyword: &str) -> Result<(String, &'a str)> {
    let mut value = String::new();
    let mut rest = inner;
    loop {
        let Some((head, after)) = rest.split_once('}') else {
            return Err(Error::usage(format!("The value of '{}' lacks its closing brace", keyword.trim())));
        };
        value.push_str(head);
        if let Some(after) = after.strip_prefix('}') {
            value.push('}');
            rest = after;
            continue;
        }
        let after = after.trim_start();
        return match after.strip_prefix(';') {
            Some(after) => Ok((value, after)),
            None if after.is_empty() => Ok((value, "")),
            None => Err(Error::usage(format!("Text follows the braces of '{}'", keyword.trim()))
                .remedy("Double a closing brace that is part of the value: }}.")),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keywords as `Endpoint` gets them.
    fn pairs(text: &str) -> String {
        let pairs = Pairs::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        pairs
            .iter()
            .map(|(keyword, value)| format!("{}={value}", normal(keyword)))
            .collect::<Vec<_>>()
            .join("|")
    }

    fn error(text: &str) -> String {
        Pairs::parse(text).err().unwrap_or_else(|| panic!("{text} is accepted")).to_string()
    }

    #[test]
    fn a_password_of_another_spelling_is_not_taken_for_a_host() {
        for text in ["mssql://db.example;Password=s3cret", "mssql://h/d;PWD=s3cret", "mssql://u;pwd=s3cret@h"]
        {
            let error = error(text);
            assert!(error.contains("SQLAlchemy") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn odbc() {
        for (text, meaning) in [
            (
                "Driver={ODBC Driver 18 for SQL Server};Server=tcp:h,1433;UID=u;PWD={a}}b};Trusted_Connection=no",
                "server=tcp:h,1433|uid=u|pwd=a}b|trustedconnection=no",
            ),
            ("DRIVER=FreeTDS;SERVER=h;PORT=1444;DATABASE=d", "server=h,1444|database=d"),
            ("Driver=x;PWD={a;b};UID= u ;", "pwd=a;b|uid=u"),
            ("Driver=x;PWD={a;q=1}", "pwd=a;q=1"),
            ("Server=h;UID=u;PWD=p'q;driver = {x}", "server=h|uid=u|pwd=p'q"),
            // The first of two counts.
            ("Driver=x;Server=a;Server=b", "server=a"),
        ] {
            assert_eq!(pairs(text), meaning, "{text}");
        }
        // A driver within a quoted value makes no ODBC of it, nor does a brace alone.
        assert_eq!(pairs("Server=h;Password=\"a;driver=x\""), "server=h|password=a;driver=x");
        assert_eq!(pairs("Server=h;Password={p}"), "server=h|password={p}");
    }

    #[test]
    fn jdbc() {
        for (text, meaning) in [
            (
                r"jdbc:sqlserver://h\i:1444;databaseName=d;user=u;password=p;encrypt=strict;loginTimeout=3",
                r"server=h\i,1444|database=d|user=u|password=p|encrypt=strict|connecttimeout=3",
            ),
            ("JDBC:sqlserver://h;password={a;b}}};user=u", "server=h|password=a;b}|user=u"),
            ("jdbc:sqlserver://;serverName=h;portNumber=1;instanceName=i", r"server=h\i,1"),
            (r"jdbc:sqlserver://;server=h\i", r"server=h\i"),
            ("jdbc:sqlserver://[::1]:1444", "server=[::1],1444"),
            ("jdbc:sqlserver://h:1/;integratedSecurity=true", "server=h,1|integratedsecurity=true"),
        ] {
            assert_eq!(pairs(text), meaning, "{text}");
        }
    }

    #[test]
    fn urls() {
        for (text, meaning) in [
            (
                "sqlserver://u:p%40%3B%2F@h:1444?database=d&app+name=a%20b&encrypt=true",
                "server=h,1444|user=u|password=p@;/|database=d|applicationname=a b|encrypt=true",
            ),
            ("sqlserver://u@h/i", r"server=h\i|user=u"),
            (
                "sqlserver://u:a@b@[fe80::1]:1/?database=d",
                "server=[fe80::1],1|user=u|password=a@b|database=d",
            ),
            (
                "SqlServer://h?user+id=u&password=p%2Bq&encrypt=disable",
                "server=h|userid=u|password=p+q|encrypt=false",
            ),
        ] {
            assert_eq!(pairs(text), meaning, "{text}");
        }
    }

    #[test]
    fn what_leads_to_no_server_shows_the_form_that_does() {
        for (text, form) in [
            (
                "mssql+pyodbc://u:secret@h:1444/d?driver=ODBC+Driver+18",
                "Server=h,1444;Database=d;User Id=u;Password=…",
            ),
            ("mssql+pymssql://u:secret@h/d", "Server=h;Database=d;User Id=u;Password=…"),
            ("mssql+pyodbc://u:12?secret@h/d", "Server=host,1433;Database=db;User Id=user;Password=…"),
            ("mssql+pyodbc://u:p?secret@h/d", "Server=host,1433;Database=db;User Id=user;Password=…"),
            ("mssql+pyodbc:///?odbc_connect=Driver%3D%7Bx%7D%3BPWD%3Dsecret", "odbc_connect"),
            ("DSN=sales;UID=u;PWD=secret;Database=d", "Server=host,1433;Database=d;User Id=u;Password=…"),
            ("FileDSN=sales.dsn;PWD=secret", "Server=host,1433;Database=db;User Id=user;Password=…"),
        ] {
            let message = error(text);
            assert!(message.contains(form) && !message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn mistakes_never_repeat_the_text() {
        for text in [
            "Driver={x};PWD={secret",
            "Driver={x};PWD={a}secret",
            "Driver={x};secret",
            "jdbc:sqlserver://h;password={secret",
            "jdbc:sqlserver://h;secret;user=u",
            "sqlserver://u:secret%zz@h",
            "sqlserver://u:secret/@",
            "sqlserver://u:p?secret@h",
            "sqlserver://u:secret?x@h",
            "sqlserver://u:p@h?secret",
        ] {
            assert!(!error(text).contains("secret"), "{}", error(text));
        }
    }
}
