//! What a batch or procedure body has of its own: variables, and the error that a CATCH block handles.
use crate::api::Param;
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
pub struct Variable {
    pub sql_type: SqlType,
    pub value: Value,
}

#[derive(Clone, Debug, Default)]
pub struct Frame {
    variables: BTreeMap<String, Variable>,
    /// Names of the temporary tables that hold table variables, in small letters.
    tables: BTreeSet<String>,
    /// In a CATCH block: what it caught.
    pub caught: Option<SqlError>,
    /// Inside a TRY block errors go up instead of out.
    pub in_try: bool,
    /// The error on its way is not told: only DONE says that there was one.
    pub silent: bool,
    /// The error on its way was thrown, not raised: it ends the batch.
    pub thrown: bool,
    /// How many procedures and EXEC (text) are around this one: `@@NESTLEVEL`.
    pub nesting: u32,
}

impl Frame {
    /// With the parameters of a call as variables.
    pub fn with(params: &[Param], nesting: u32) -> Self {
        let variables = params
            .iter()
            .map(|p| {
                (p.name.to_lowercase(), Variable { sql_type: p.sql_type.clone(), value: p.value.clone() })
            })
            .collect();
        Self { variables, nesting, ..Self::default() }
    }

    /// Gives OUTPUT parameters back.
    pub fn give_back(&self, params: &mut [Param]) {
        for param in params.iter_mut().filter(|p| p.output) {
            if let Ok(variable) = self.get(&param.name) {
                param.value = variable.value.clone();
            }
        }
    }

    /// # Errors
    /// 134 where the name is taken.
    pub fn declare(&mut self, name: &str, variable: Variable) -> Result<(), SqlError> {
        if self.variables.insert(name.to_lowercase(), variable).is_some() {
            return Err(SqlError::new(
                134,
                15,
                2,
                format!(
                    "The variable name '{name}' has already been declared. Variable names must be unique within a \
                     query batch or stored procedure."
                ),
            ));
        }
        Ok(())
    }

    /// A table variable, by its table's name; false where a loop has declared it before.
    pub fn declare_table(&mut self, table: &str) -> bool {
        self.tables.insert(table.to_lowercase())
    }

    pub fn take_tables(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.tables)
    }

    /// # Errors
    /// 1087 for the table of a variable that is not declared here.
    pub fn must_have_table(&self, table: &str) -> Result<(), SqlError> {
        match table.strip_prefix('#') {
            Some(variable) if variable.starts_with('@') && !self.tables.contains(&table.to_lowercase()) => {
                let text = format!("Must declare the table variable \"{variable}\".");
                Err(SqlError::new(1087, 15, 2, text))
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// 137.
    pub fn get(&self, name: &str) -> Result<&Variable, SqlError> {
        self.variables.get(&name.to_lowercase()).ok_or_else(|| undeclared(name))
    }

    /// Gives it a value of its own type.
    ///
    /// # Errors
    /// 137.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), SqlError> {
        let variable = self.variables.get_mut(&name.to_lowercase()).ok_or_else(|| undeclared(name))?;
        variable.value = value;
        Ok(())
    }
}

fn undeclared(name: &str) -> SqlError {
    SqlError::new(137, 15, 2, format!("Must declare the scalar variable \"{name}\"."))
}
