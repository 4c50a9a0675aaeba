//! What the log may show of a request: its text, never a password or a parameter's value.
use super::rpc::RpcCall;
use std::borrow::Cow;
use std::fmt::Write;

/// A statement; where it speaks of a password its string literals are left out.
pub fn batch(text: &str) -> Cow<'_, str> {
    if !text.to_ascii_lowercase().contains("password") {
        return Cow::Borrowed(text);
    }
    let parts = text.split('\'').enumerate();
    let shown: Vec<&str> = parts.map(|(n, part)| if n % 2 == 0 { part } else { "***" }).collect();
    Cow::Owned(shown.join("'"))
}

/// A call: the procedure and its parameters' types, and of `sp_executesql` and its kin the statement.
pub fn call(call: &RpcCall) -> String {
    let mut shown = call.name.clone();
    for (n, param) in call.params.iter().enumerate() {
        let separator = if n == 0 { ' ' } else { ',' };
        // Writing to a String does not fail.
        write!(shown, "{separator}{} {}", param.name, param.sql_type).ok();
    }
    if let (Some(statement), _) = call.statement() {
        write!(shown, ": {}", batch(&statement)).ok();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox_session::api::Param;
    use sandbox_values::collation::utf16le;
    use sandbox_values::{CollationId, Len, SqlType, Value};

    fn text(name: &str, text: &str) -> Param {
        let units: Vec<u16> = text.encode_utf16().collect();
        let sql_type = SqlType::NVarChar(Len::N(4000), CollationId::SERVER_DEFAULT);
        Param { name: name.to_owned(), sql_type, value: Value::Bytes(utf16le(&units)), output: false }
    }

    #[test]
    fn statements_are_shown_and_passwords_are_not() {
        assert_eq!(batch("SELECT 'a'"), "SELECT 'a'");
        let shown = batch("CREATE LOGIN l WITH PASSWORD = N'it''s', DEFAULT_DATABASE = [d]");
        assert_eq!(shown, "CREATE LOGIN l WITH PASSWORD = N'***''***', DEFAULT_DATABASE = [d]");
    }

    #[test]
    fn of_a_call_the_values_are_left_out() {
        let params =
            vec![text("", "ALTER LOGIN l WITH PASSWORD = 'a'"), text("", "@s nvarchar(9)"), text("@s", "b")];
        let shown = call(&RpcCall { name: "sp_executesql".to_owned(), params });
        assert_eq!(
            shown,
            "sp_executesql  nvarchar(4000), nvarchar(4000),@s nvarchar(4000): ALTER LOGIN l WITH PASSWORD = '***'"
        );
    }
}
