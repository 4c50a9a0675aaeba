//! ODBC's form: `Driver={…};Server=…;UID=…;PWD={a}}b}` (Microsoft ODBC, "SQLDriverConnect Function", Comments; the
//! keywords are those of "DSN and Connection String Keywords and Attributes" of the driver for SQL Server).
use super::{ado_form, normal};
use crate::error::{Error, Result};

/// Tells an ODBC string from others: it names a driver or a data source.
pub(super) fn is_mark(keyword: &str) -> bool {
    matches!(normal(keyword).as_str(), "driver" | "dsn" | "filedsn")
}

/// In ADO.NET's keywords; `all` are those of the string, as they stand there.
pub(super) fn translate(all: &[(String, String)]) -> Result<Vec<(String, String)>> {
    let value = |names: &[&str]| {
        all.iter()
            .find(|(keyword, _)| names.contains(&normal(keyword).as_str()))
            .map(|(_, value)| value.as_str())
    };
    let mut server = value(&["server", "address", "addr"]).map(str::to_owned);
    if value(&["dsn", "filedsn"]).is_some() && server.is_none() {
        let form = ado_form(None, value(&["database"]), value(&["uid"]));
        return Err(Error::usage(
            "A data source name (DSN) stands in a file of ODBC, which the tools do not read",
        )
        .remedy(format!("Write {form}.")));
    }
    // FreeTDS has the port apart.
    if let (Some(server), Some(port)) = (&mut server, value(&["port"]))
        && !server.contains(',')
    {
        *server = format!("{server},{port}");
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (keyword, value) in all {
        let name = normal(keyword);
        // "If any keywords are repeated in the connection string, the driver uses the value associated with the first
        // occurrence of the keyword" (SQLDriverConnect Function).
        let seen = pairs.iter().any(|(known, _)| normal(known) == name);
        match name.as_str() {
            _ if seen => {}
            "driver" | "dsn" | "filedsn" | "port" => {}
            "server" | "address" | "addr" => {
                if let Some(server) = server.take() {
                    pairs.push(("Server".to_owned(), server));
                }
            }
            "columnencryption" => pairs.push(("Column Encryption Setting".to_owned(), value.clone())),
            "marsconnection" => pairs.push(("MultipleActiveResultSets".to_owned(), value.clone())),
            _ => pairs.push((keyword.clone(), value.clone())),
        }
    }
    Ok(pairs)
}
