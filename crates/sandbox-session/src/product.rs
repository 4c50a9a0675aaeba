//! Which SQL Server this claims to be: 2022, whose behaviour is modelled. One place for PRELOGIN, LOGINACK, `@@VERSION`,
//! `@@MICROSOFTVERSION` and SERVERPROPERTY.

pub const MAJOR: u8 = 16;
pub const MINOR: u8 = 0;
pub const BUILD: u16 = 4236;
const REVISION: u16 = 2;

/// SERVERPROPERTY('ProductVersion').
pub fn version() -> String {
    format!("{MAJOR}.{MINOR}.{BUILD}.{REVISION}")
}

/// `@@VERSION`: drivers read the numbers; people should see that this is no SQL Server.
pub fn text() -> String {
    format!(
        "replica-sandbox {} (a stand-in for Microsoft SQL Server, not the product) - {}",
        env!("CARGO_PKG_VERSION"),
        version()
    )
}

/// `@@MICROSOFTVERSION`.
pub fn number() -> i64 {
    i64::from(MAJOR) << 24 | i64::from(MINOR) << 16 | i64::from(BUILD)
}

/// As PRELOGIN and LOGINACK carry it.
pub fn on_the_wire() -> [u8; 4] {
    let [high, low] = BUILD.to_be_bytes();
    [MAJOR, MINOR, high, low]
}
