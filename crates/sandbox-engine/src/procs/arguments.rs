//! A procedure's arguments: by name, by position, or left out.
use sandbox_session::api::Param;
use sandbox_values::collation::units_from_utf16le;
use sandbox_values::error::SqlError;
use sandbox_values::{CollationId, Len, SqlType, Value};

/// A call's arguments in the order of the procedure's parameters.
pub struct Arguments<'a> {
    procedure: &'a str,
    names: &'a [&'a str],
    values: Vec<Option<&'a Param>>,
}

impl<'a> Arguments<'a> {
    /// `names`: the procedure's parameters, with their @.
    ///
    /// # Errors
    /// 8144 too many arguments, 8145 an unknown name, 119 a position after a name.
    pub fn bind(procedure: &'a str, names: &'a [&'a str], given: &'a [Param]) -> Result<Self, SqlError> {
        let mut values = vec![None; names.len()];
        let mut named = false;
        for (position, param) in given.iter().enumerate() {
            let at = if param.name.is_empty() {
                if named {
                    let text = format!(
                        "Must pass parameter number {} and subsequent parameters as '@name = value'. After the form \
                         '@name = value' has been used, all subsequent parameters must be passed in the form '@name \
                         = value'.",
                        position + 1
                    );
                    return Err(SqlError::new(119, 15, 1, text));
                }
                position
            } else {
                named = true;
                names.iter().position(|name| name.eq_ignore_ascii_case(&param.name)).ok_or_else(|| {
                    let text = format!("{} is not a parameter for procedure {procedure}.", param.name);
                    SqlError::new(8145, 16, 1, text)
                })?
            };
            let Some(value) = values.get_mut(at) else {
                let text = format!("Procedure or function {procedure} has too many arguments specified.");
                return Err(SqlError::new(8144, 16, 2, text));
            };
            *value = Some(param);
        }
        Ok(Self { procedure, names, values })
    }

    /// All parameters by name; NULL where left out.
    pub fn as_params(&self) -> Vec<Param> {
        let missing = (SqlType::NVarChar(Len::N(128), CollationId::SERVER_DEFAULT), Value::Null);
        let param = |(name, given): (&&str, &Option<&Param>)| {
            let (sql_type, value) =
                given.map_or_else(|| missing.clone(), |p| (p.sql_type.clone(), p.value.clone()));
            Param { name: (*name).to_owned(), sql_type, value, output: false }
        };
        self.names.iter().zip(&self.values).map(param).collect()
    }

    /// `None` where NULL or left out.
    pub fn text(&self, name: &str) -> Option<String> {
        let param = self.get(name)?;
        let Value::Bytes(bytes) = &param.value else { return integer(&param.value).map(|n| n.to_string()) };
        let units = match &param.sql_type {
            SqlType::Char(_, id) | SqlType::VarChar(_, id) | SqlType::Text(id) => id.get().decode(bytes),
            _ => units_from_utf16le(bytes),
        };
        Some(String::from_utf16_lossy(&units))
    }

    /// `None` where NULL or left out.
    ///
    /// # Errors
    /// 8114 where the value is no integer of 32 bits.
    pub fn int(&self, name: &str) -> Result<Option<i32>, SqlError> {
        match self.bigint(name)?.map(i32::try_from) {
            None => Ok(None),
            Some(Ok(n)) => Ok(Some(n)),
            Some(Err(_)) => Err(not_convertible("int")),
        }
    }

    /// `None` where NULL or left out.
    ///
    /// # Errors
    /// 8114 where the value is no integer.
    pub fn bigint(&self, name: &str) -> Result<Option<i64>, SqlError> {
        let Some(param) = self.get(name) else { return Ok(None) };
        let number = integer(&param.value).or_else(|| self.text(name)?.trim().parse().ok());
        number.map(Some).ok_or_else(|| not_convertible("bigint"))
    }

    /// # Errors
    /// 201 where it was left out.
    pub fn required_text(&self, name: &str) -> Result<String, SqlError> {
        self.text(name).ok_or_else(|| {
            let text = format!(
                "Procedure or function '{}' expects parameter '{name}', which was not supplied.",
                self.procedure
            );
            SqlError::new(201, 16, 4, text)
        })
    }

    fn get(&self, name: &str) -> Option<&'a Param> {
        let at = self.names.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        self.values.get(at).copied().flatten().filter(|param| param.value != Value::Null)
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        _ => None,
    }
}

fn not_convertible(target: &str) -> SqlError {
    SqlError::new(8114, 16, 1, format!("Error converting data type varchar to {target}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(name: &str, value: Value) -> Param {
        let sql_type = match value {
            Value::Int(_) => SqlType::Int,
            _ => SqlType::VarChar(Len::N(10), CollationId::SERVER_DEFAULT),
        };
        Param { name: name.to_owned(), sql_type, value, output: false }
    }

    fn text(text: &str) -> Value {
        Value::Bytes(text.as_bytes().to_vec())
    }

    const NAMES: [&str; 3] = ["@table", "@rows", "@mode"];

    #[test]
    fn by_position_then_by_name() {
        let given = [param("", text("t")), param("@MODE", text("x"))];
        let arguments = Arguments::bind("p", &NAMES, &given).expect("well formed");
        assert_eq!(arguments.required_text("@table").as_deref(), Ok("t"));
        assert_eq!(arguments.text("@mode").as_deref(), Some("x"));
        assert_eq!(arguments.bigint("@rows"), Ok(None));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let number = |given: &[Param]| Arguments::bind("p", &NAMES, given).err().map(|error| error.number);
        let one = || param("", Value::Int(1));
        assert_eq!(number(&[one(), one(), one(), one()]), Some(8144));
        assert_eq!(number(&[param("@other", Value::Int(1))]), Some(8145));
        assert_eq!(number(&[param("@rows", Value::Int(1)), one()]), Some(119));
        let given = [param("@rows", text("many"))];
        let arguments = Arguments::bind("p", &NAMES, &given).expect("well formed");
        assert_eq!(arguments.bigint("@rows").map_err(|error| error.number), Err(8114));
        assert_eq!(arguments.required_text("@table").map_err(|error| error.number), Err(201));
    }
}
