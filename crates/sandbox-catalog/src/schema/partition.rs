//! What tables are partitioned by.
use sandbox_values::compare::compare;
use sandbox_values::{SqlType, Value};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::time::SystemTime;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartitionFunction {
    /// function_id, from 65536.
    pub id: i32,
    pub name: String,
    pub created: SystemTime,
    pub sql_type: SqlType,
    pub boundary_right: bool,
    /// In `sql_type`, ascending.
    pub boundaries: Vec<Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartitionScheme {
    /// data_space_id, from 65601.
    pub id: i32,
    pub name: String,
    pub function_id: i32,
}

impl PartitionFunction {
    /// The position, from 0, of the partition that a value of `sql_type` goes to. NULL goes to the first.
    pub fn partition_of(&self, value: &Value) -> usize {
        let below = |boundary: &&Value| match compare(value, boundary, &self.sql_type) {
            Ordering::Less => false,
            Ordering::Equal => self.boundary_right,
            Ordering::Greater => true,
        };
        if *value == Value::Null { 0 } else { self.boundaries.iter().take_while(below).count() }
    }
}
