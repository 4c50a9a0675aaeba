//! Starts servers, makes databases and reads them back, for the end-to-end tests.
pub mod proxy;
