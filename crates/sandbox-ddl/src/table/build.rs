//! Puts constraints into a table's record.
use super::cascade;
use super::keys::{self, KeyShape};
use sandbox_catalog::schema::{
    Backs, Check, Column, Database, DefaultConstraint, ForeignKey, IndexKind, Table,
};
use sandbox_session::names;
use sandbox_sql::ddl::ast::{ConstraintDef, ConstraintKind, ForeignDef};
use sandbox_values::error::SqlError;
use std::sync::Arc;
use std::time::SystemTime;

/// A table's record while constraints are put into it.
pub struct Builder<'a> {
    pub database: &'a mut Database,
    pub table: Table,
    pub now: SystemTime,
    /// Is the whole table new? Then a primary key makes its columns NOT NULL.
    pub new: bool,
}

impl Builder<'_> {
    /// Gives the columns' defaults their ids and, where needed, names.
    ///
    /// # Errors
    /// 2714.
    pub fn name_defaults(&mut self) -> Result<(), SqlError> {
        for at in 0..self.table.columns.len() {
            let column = &mut self.table.columns[at];
            let Some(default) = column.default.take_if(|d| d.object_id == 0) else { continue };
            let column = column.name.clone();
            let given = (!default.system_named).then_some(default.name);
            let (object_id, name) = self.constraint_name(given.as_deref(), "DF", Some(&column))?;
            let (system_named, created) = (default.system_named, self.now);
            self.table.columns[at].default = Some(DefaultConstraint {
                object_id,
                name,
                system_named,
                definition: default.definition,
                created,
            });
        }
        Ok(())
    }

    /// Adds constraints, clustered keys first, since the others' ids follow.
    ///
    /// # Errors
    /// Of the constraint that can't be: 1767 to 1781, 8110 to 8112, 2714; 1750 comes after them.
    pub fn add_constraints(&mut self, constraints: &[ConstraintDef], trusted: bool) -> Result<(), SqlError> {
        let primary = |c: &&ConstraintDef| matches!(c.kind, ConstraintKind::Key { primary: true, .. });
        if constraints.iter().filter(primary).count() > 1 {
            let text = format!("Cannot add multiple PRIMARY KEY constraints to table '{}'.", self.table.name);
            return Err(SqlError::new(8110, 16, 0, text));
        }
        let clustered_elsewhere = self.table.indexes.iter().any(|i| i.index_id == 1)
            || constraints
                .iter()
                .any(|c| matches!(c.kind, ConstraintKind::Key { primary: false, clustered: Some(true), .. }));
        let mut keys: Vec<_> = constraints
            .iter()
            .filter_map(|constraint| match &constraint.kind {
                ConstraintKind::Key { primary, clustered, .. } => {
                    Some((clustered.unwrap_or(*primary && !clustered_elsewhere), constraint))
                }
                _ => None,
            })
            .collect();
        keys.sort_by_key(|(clustered, _)| !clustered);
        if keys.iter().filter(|(clustered, _)| *clustered).count() > 1 {
            let text = format!(
                "Cannot add more than one clustered index for constraints on table '{}'.",
                self.table.name
            );
            return Err(SqlError::new(8112, 16, 0, text));
        }
        for (clustered, constraint) in keys {
            self.add_key(constraint, clustered)?;
        }
        for constraint in constraints {
            match &constraint.kind {
                ConstraintKind::Key { .. } => {}
                ConstraintKind::Check { definition } => self.add_check(constraint, definition, trusted)?,
                ConstraintKind::Foreign(foreign) => {
                    self.add_foreign_key(constraint.name.as_deref(), foreign, trusted)?;
                }
                ConstraintKind::Default { definition, column } => {
                    self.add_default(constraint.name.as_deref(), definition, column)?;
                }
            }
        }
        Ok(())
    }

    fn add_key(&mut self, constraint: &ConstraintDef, clustered: bool) -> Result<(), SqlError> {
        let ConstraintKind::Key { primary, columns, ignore_dup_key, pages, .. } = &constraint.kind else {
            return Ok(());
        };
        let table_name = self.table.name.clone();
        if *primary {
            if self.table.primary_key().is_some() {
                let text = format!("Table '{table_name}' already has a primary key defined on it.");
                return Err(SqlError::new(1779, 16, 0, text));
            }
            self.make_not_null(columns, constraint.column.is_some())?;
        }
        let prefix = if *primary { "PK" } else { "UQ" };
        let (object_id, name) = self.constraint_name(constraint.name.as_deref(), prefix, None)?;
        let shape = KeyShape {
            name: &name,
            kind: if clustered { IndexKind::Clustered } else { IndexKind::Nonclustered },
            unique: true,
            backs: if *primary { Backs::PrimaryKey } else { Backs::UniqueConstraint },
            columns,
            included: &[],
            ignore_dup_key: *ignore_dup_key,
            pages: *pages,
        };
        let index_id = keys::add_index(self.database, &mut self.table, &shape, self.now)?;
        if let Some(index) = self.table.indexes.iter_mut().find(|i| i.index_id == index_id) {
            index.object_id = object_id;
            index.system_named = constraint.name.is_none();
        }
        Ok(())
    }

    /// In a new table a primary key's columns become NOT NULL unless NULL was written; else 8111.
    fn make_not_null(&mut self, columns: &[(String, bool)], inline: bool) -> Result<(), SqlError> {
        for (name, _) in columns {
            let database = &*self.database;
            let Some(column) = self.table.columns.iter_mut().find(|c| database.same_name(&c.name, name))
            else {
                continue;
            };
            if column.nullable && !(self.new || inline && column.computed.is_none()) {
                let text = format!(
                    "Cannot define PRIMARY KEY constraint on nullable column in table '{}'.",
                    self.table.name
                );
                return Err(SqlError::new(8111, 16, 1, text));
            }
            column.nullable = false;
        }
        Ok(())
    }

    fn add_check(
        &mut self,
        constraint: &ConstraintDef,
        definition: &str,
        trusted: bool,
    ) -> Result<(), SqlError> {
        let column = constraint.column.as_deref();
        let (object_id, name) = self.constraint_name(constraint.name.as_deref(), "CK", column)?;
        let column = column.and_then(|c| self.column(c)).map(|c| c.column_id);
        self.table.checks.push(Check {
            object_id,
            name,
            system_named: constraint.name.is_none(),
            column,
            definition: definition.to_owned(),
            created: self.now,
            disabled: false,
            not_trusted: !trusted,
        });
        Ok(())
    }

    fn add_default(&mut self, name: Option<&str>, definition: &str, column: &str) -> Result<(), SqlError> {
        let Some(at) = self.table.columns.iter().position(|c| self.database.same_name(&c.name, column))
        else {
            let text = format!(
                "Column '{column}' in table '{}' is invalid for creating a default constraint.",
                self.table.name
            );
            return Err(SqlError::new(1752, 16, 0, text));
        };
        if self.table.columns[at].default.is_some() {
            return Err(SqlError::new(1781, 16, 1, "Column already has a DEFAULT bound to it."));
        }
        if self.table.columns[at].identity {
            let text = format!(
                "Defaults cannot be created on columns with an IDENTITY attribute. Table '{}', column '{column}'.",
                self.table.name
            );
            return Err(SqlError::new(1754, 16, 0, text));
        }
        let (object_id, named) = self.constraint_name(name, "DF", Some(column))?;
        self.table.columns[at].default = Some(DefaultConstraint {
            object_id,
            name: named,
            system_named: name.is_none(),
            definition: definition.to_owned(),
            created: self.now,
        });
        Ok(())
    }

    fn add_foreign_key(
        &mut self,
        name: Option<&str>,
        def: &ForeignDef,
        trusted: bool,
    ) -> Result<(), SqlError> {
        let (object_id, named) = self.constraint_name(name, "FK", def.columns.first().map(String::as_str))?;
        if def.table.database.as_deref().is_some_and(|d| !self.database.same_name(&self.database.name, d)) {
            let text = format!(
                "Cross-database foreign key references are not supported. Foreign key '{}'.",
                def.table
            );
            return Err(SqlError::new(1763, 16, 0, text));
        }
        let schema = match &def.table.schema {
            Some(schema) => self.database.schema_id(schema),
            None => Some(self.table.schema_id),
        };
        let own = schema == Some(self.table.schema_id)
            && self.database.same_name(&def.table.name, &self.table.name);
        let parent = if own {
            Some(Arc::new(self.table.clone()))
        } else {
            schema.and_then(|s| self.database.table(s, &def.table.name)).cloned()
        };
        let Some(parent) = parent else {
            let text = format!("Foreign key '{named}' references invalid table '{}'.", def.table);
            return Err(SqlError::new(1767, 16, 0, text));
        };
        let columns = def
            .columns
            .iter()
            .map(|c| {
                self.column(c).cloned().ok_or_else(|| {
                    let table = &self.table.name;
                    let text =
                        format!("Foreign key '{named}' references invalid column '{c}' in referencing table '{table}'.");
                    SqlError::new(1769, 16, 1, text)
                })
            })
            .collect::<Result<Vec<Column>, _>>()?;
        let referenced = self.referenced_columns(&named, def, &parent)?;
        if columns.len() != referenced.len() {
            let text = format!(
                "Number of referencing columns in foreign key differs from number of referenced columns, table '{}'.",
                self.table.name
            );
            return Err(SqlError::new(8139, 16, 0, text));
        }
        let ids: Vec<i32> = referenced.iter().map(|c| c.column_id).collect();
        let key = parent.indexes.iter().find(|index| {
            index.unique
                && index.filter.is_none()
                && index.keys.len() == ids.len()
                && ids.iter().all(|id| index.keys.iter().any(|(key, _)| key == id))
        });
        let Some(key) = key else {
            let text = format!(
                "There are no primary or candidate keys in the referenced table '{}' that match the referencing column list in the foreign key '{named}'.",
                def.table
            );
            return Err(SqlError::new(1776, 16, 0, text));
        };
        for (column, target) in columns.iter().zip(&referenced) {
            if !same_key_type(column, target) {
                let text = format!(
                    "Column '{}.{}' is not the same data type as referencing column '{}.{}' in foreign key '{named}'.",
                    def.table, target.name, self.table.name, column.name
                );
                return Err(SqlError::new(1778, 16, 0, text));
            }
        }
        self.table.foreign_keys.push(ForeignKey {
            object_id,
            name: named.clone(),
            system_named: name.is_none(),
            created: self.now,
            columns: columns.iter().map(|c| c.column_id).collect(),
            references: parent.object_id,
            key_index: key.index_id,
            referenced_columns: ids,
            disabled: false,
            not_trusted: !trusted,
            on_delete: def.on_delete,
            on_update: def.on_update,
        });
        if cascade::is_tangled(self.database, &self.table) {
            let text = format!(
                "Introducing FOREIGN KEY constraint '{named}' on table '{}' may cause cycles or multiple cascade paths. \
                 Specify ON DELETE NO ACTION or ON UPDATE NO ACTION, or modify other FOREIGN KEY constraints.",
                self.table.name
            );
            return Err(SqlError::new(1785, 16, 0, text));
        }
        Ok(())
    }

    fn referenced_columns(
        &self,
        name: &str,
        def: &ForeignDef,
        parent: &Table,
    ) -> Result<Vec<Column>, SqlError> {
        if def.referenced.is_empty() {
            let Some(key) = parent.primary_key() else {
                let text = format!(
                    "Foreign key '{name}' has implicit reference to object '{}' which does not have a primary key defined on it.",
                    def.table
                );
                return Err(SqlError::new(1773, 16, 0, text));
            };
            return Ok(key.keys.iter().filter_map(|(id, _)| parent.column(*id)).cloned().collect());
        }
        def.referenced
            .iter()
            .map(|c| {
                keys::column(self.database, parent, c).cloned().ok_or_else(|| {
                    let text = format!(
                        "Foreign key '{name}' references invalid column '{c}' in referenced table '{}'.",
                        def.table
                    );
                    SqlError::new(1770, 16, 0, text)
                })
            })
            .collect()
    }

    fn column(&self, name: &str) -> Option<&Column> {
        keys::column(self.database, &self.table, name)
    }

    /// A constraint's id and name; made up as SQL Server does where none was given.
    fn constraint_name(
        &mut self,
        given: Option<&str>,
        prefix: &str,
        column: Option<&str>,
    ) -> Result<(i32, String), SqlError> {
        let object_id = self.database.next_object_id();
        if let Some(name) = given {
            let here = self.table.constraint_names().any(|n| self.database.same_name(n, name));
            if here || names::is_taken(self.database, self.table.schema_id, name) {
                return Err(names::exists(name, 5));
            }
            return Ok((object_id, name.to_owned()));
        }
        let cut = |text: &str, n: usize| text.chars().take(n).collect::<String>();
        let table = cut(&self.table.name, 9);
        let name = match (prefix, column) {
            ("PK" | "UQ", _) => format!("{prefix}__{table}__{:08X}{object_id:08X}", self.table.object_id),
            (_, Some(column)) => format!("{prefix}__{table}__{}__{object_id:08X}", cut(column, 5)),
            (_, None) => format!("{prefix}__{table}__{object_id:08X}"),
        };
        Ok((object_id, name))
    }
}

/// Foreign keys want the same type with the same length but for character types, which may differ in length but
/// not in collation (Microsoft docs, error 1778 and 1757).
fn same_key_type(a: &Column, b: &Column) -> bool {
    use std::mem::discriminant;
    match (a.sql_type.collation(), b.sql_type.collation()) {
        (Some(x), Some(y)) => x == y && discriminant(&a.sql_type) == discriminant(&b.sql_type),
        (None, None) => a.sql_type == b.sql_type,
        _ => false,
    }
}
