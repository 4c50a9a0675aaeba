//! The catalog, by way of T-SQL.
mod definition;
mod tables;
mod views;
