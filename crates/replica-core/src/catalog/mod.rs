//! What a server says about one table, in one round trip.
pub mod name;
pub mod question;
