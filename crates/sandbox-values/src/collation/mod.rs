//! Collations: their names, their five bytes on the wire, their code pages and their order.
//!
//! The table is built from families (a prefix of the name, an LCID, a code page, a version) and the suffixes
//! that Microsoft documents for them ("Windows Collation Name", "SQL Server Collation Name").
mod codepage;
mod fold;
mod sort;

use super::types::CollationId;
use crate::error::SqlError;
use replica_core::tds::types::CollationBytes;
use std::collections::HashMap;
use std::sync::OnceLock;

pub use codepage::{units_from_utf16le, utf16le};
pub use sort::Charset;

/// How two strings are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By weights: letters, then accents, then case.
    Linguistic,
    /// `_BIN`: the first UTF-16 unit, then bytes.
    Binary,
    /// `_BIN2`: by code point.
    CodePoint,
}

/// One collation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collation {
    pub name: String,
    /// Windows locale; 20 bits on the wire.
    pub lcid: u32,
    /// Windows code page of char, varchar and text; 65001 for UTF-8.
    pub code_page: u16,
    pub order: Order,
    pub case_sensitive: bool,
    pub accent_sensitive: bool,
    pub kana_sensitive: bool,
    pub width_sensitive: bool,
    /// `_SC`, or any UTF-8: LEN, SUBSTRING and the like count characters, not UTF-16 units.
    pub supplementary: bool,
    pub utf8: bool,
    /// 0 for version 80, 2 for version 100.
    pub version: u8,
    /// Not 0 for `SQL_` collations.
    pub sort_id: u8,
}

impl Collation {
    /// LCID, flags and version, sort id, as [MS-TDS] 2.2.5.1.2 lays them out; pinned by the captured bytes of
    /// docs/WIRE.md, "Collation bytes".
    pub fn wire(&self) -> CollationBytes {
        let linguistic = self.order == Order::Linguistic;
        let flag = |set: bool, bit: u32| u32::from(set) << bit;
        let word = self.lcid
            | flag(linguistic && !self.case_sensitive, 20)
            | flag(linguistic && !self.accent_sensitive, 21)
            | flag(linguistic && !self.width_sensitive, 22)
            | flag(linguistic && !self.kana_sensitive, 23)
            | flag(self.order == Order::Binary, 24)
            | flag(self.order == Order::CodePoint, 25)
            | flag(self.utf8, 26)
            | u32::from(self.version) << 28;
        let [a, b, c, d] = word.to_le_bytes();
        CollationBytes([a, b, c, d, self.sort_id])
    }

    /// Whether COLMETADATA carries the case-sensitive flag (02) for it: CS, BIN and BIN2 (docs/WIRE.md,
    /// "Column flags").
    pub fn is_case_sensitive(&self) -> bool {
        self.order != Order::Linguistic || self.case_sensitive
    }
}

/// A prefix of collation names with what all of them share.
struct Family {
    prefix: &'static str,
    /// From Microsoft's "Windows Collation Name" and [MS-LCID].
    lcid: u32,
    code_page: u16,
    version: u8,
}

const FAMILIES: &[Family] = &[
    Family { prefix: "Latin1_General", lcid: 0x0409, code_page: 1252, version: 0 },
    Family { prefix: "Latin1_General_100", lcid: 0x0409, code_page: 1252, version: 2 },
    Family { prefix: "Cyrillic_General", lcid: 0x0419, code_page: 1251, version: 0 },
    Family { prefix: "Cyrillic_General_100", lcid: 0x0419, code_page: 1251, version: 2 },
    Family { prefix: "Greek", lcid: 0x0408, code_page: 1253, version: 0 },
    Family { prefix: "Greek_100", lcid: 0x0408, code_page: 1253, version: 2 },
    Family { prefix: "Japanese", lcid: 0x0411, code_page: 932, version: 0 },
    Family { prefix: "Japanese_XJIS_100", lcid: 0x0411, code_page: 932, version: 2 },
    Family { prefix: "Turkish", lcid: 0x041F, code_page: 1254, version: 0 },
    Family { prefix: "Turkish_100", lcid: 0x041F, code_page: 1254, version: 2 },
];

impl CollationId {
    /// `SQL_Latin1_General_CP1_CI_AS`: a server's collation when nothing else was asked for.
    pub const SERVER_DEFAULT: CollationId = CollationId(0);

    /// What the id stands for. An id comes from this module's lookups only.
    pub fn get(self) -> &'static Collation {
        let all = &table().all;
        all.get(usize::from(self.0)).unwrap_or(&all[0])
    }

    /// The catalog views' own collation, `Latin1_General_CI_AS_KS_WS` (bytes 0904100000).
    pub fn catalog() -> CollationId {
        table().by_name.get("latin1_general_ci_as_ks_ws").copied().unwrap_or(Self::SERVER_DEFAULT)
    }

    /// By name, case ignored.
    ///
    /// # Errors
    /// 448, as SQL Server words it.
    pub fn by_name(name: &str) -> Result<CollationId, SqlError> {
        table()
            .by_name
            .get(name.to_ascii_lowercase().as_str())
            .copied()
            .ok_or_else(|| SqlError::new(448, 16, 1, format!("Invalid collation '{name}'.")))
    }

    /// By the five bytes of a TYPE_INFO. `_SC` has no bit of its own, so the name without it is found.
    pub fn by_wire(bytes: CollationBytes) -> Option<CollationId> {
        table().by_wire.get(&bytes).copied()
    }

    /// Every collation, for `sys.fn_helpcollations()`.
    pub fn all() -> impl Iterator<Item = (CollationId, &'static Collation)> {
        table().all.iter().enumerate().map(|(index, collation)| (CollationId(index as u16), collation))
    }
}

struct CodePageTable {
    all: Vec<Collation>,
    by_name: HashMap<String, CollationId>,
    by_wire: HashMap<CollationBytes, CollationId>,
}

fn table() -> &'static CodePageTable {
    static TABLE: OnceLock<CodePageTable> = OnceLock::new();
    TABLE.get_or_init(|| {
        let all = build();
        let mut by_name = HashMap::new();
        let mut by_wire = HashMap::new();
        for (index, collation) in all.iter().enumerate() {
            let id = CollationId(index as u16);
            by_name.insert(collation.name.to_ascii_lowercase(), id);
            by_wire.entry(collation.wire()).or_insert(id);
        }
        CodePageTable { all, by_name, by_wire }
    })
}

fn build() -> Vec<Collation> {
    // Sort ids 52 and 51: Microsoft, "SQL Server Collation Name".
    let mut all =
        vec![sql_latin1("SQL_Latin1_General_CP1_CI_AS", 52), sql_latin1("SQL_Latin1_General_CP1_CS_AS", 51)];
    for family in FAMILIES {
        linguistic(family, &mut all);
        all.push(binary(family, "BIN", Order::Binary, false));
        all.push(binary(family, "BIN2", Order::CodePoint, false));
        if family.version >= 2 {
            all.push(binary(family, "BIN2_UTF8", Order::CodePoint, true));
        }
    }
    all
}

fn sql_latin1(name: &str, sort_id: u8) -> Collation {
    Collation {
        name: name.to_owned(),
        lcid: 0x0409,
        code_page: 1252,
        order: Order::Linguistic,
        case_sensitive: name.contains("_CS_"),
        accent_sensitive: true,
        kana_sensitive: false,
        width_sensitive: false,
        supplementary: false,
        utf8: false,
        version: 0,
        sort_id,
    }
}

/// CI/CS, AI/AS, then `_KS`, `_WS`, and from version 100 on `_SC` and `_SC_UTF8`.
fn linguistic(family: &Family, all: &mut Vec<Collation>) {
    let unicode: &[&str] = if family.version >= 2 { &["", "_SC", "_SC_UTF8"] } else { &[""] };
    for unicode in unicode {
        for bits in 0..16u8 {
            let [case, accent, kana, width] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let utf8 = unicode.ends_with("UTF8");
            all.push(Collation {
                name: format!(
                    "{}_{}_{}{}{}{unicode}",
                    family.prefix,
                    if case { "CS" } else { "CI" },
                    if accent { "AS" } else { "AI" },
                    if kana { "_KS" } else { "" },
                    if width { "_WS" } else { "" },
                ),
                lcid: family.lcid,
                code_page: if utf8 { codepage::UTF8 } else { family.code_page },
                order: Order::Linguistic,
                case_sensitive: case,
                accent_sensitive: accent,
                kana_sensitive: kana,
                width_sensitive: width,
                supplementary: !unicode.is_empty(),
                utf8,
                version: family.version,
                sort_id: 0,
            });
        }
    }
}

fn binary(family: &Family, suffix: &str, order: Order, utf8: bool) -> Collation {
    Collation {
        name: format!("{}_{suffix}", family.prefix),
        lcid: family.lcid,
        code_page: if utf8 { codepage::UTF8 } else { family.code_page },
        order,
        case_sensitive: true,
        accent_sensitive: true,
        kana_sensitive: true,
        width_sensitive: true,
        supplementary: utf8,
        utf8,
        version: family.version,
        sort_id: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(name: &str) -> String {
        let bytes = CollationId::by_name(name).unwrap().get().wire().0;
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// docs/WIRE.md, "Collation bytes".
    #[test]
    fn wire_bytes_are_those_captured() {
        for (name, bytes) in [
            ("SQL_Latin1_General_CP1_CI_AS", "0904D00034"),
            ("Latin1_General_100_CI_AS", "0904D02000"),
            ("Latin1_General_100_CS_AS", "0904C02000"),
            ("Latin1_General_100_CI_AI", "0904F02000"),
            ("Latin1_General_100_CS_AI", "0904E02000"),
            ("Latin1_General_100_BIN2", "0904002200"),
            ("Latin1_General_100_BIN2_UTF8", "0904002600"),
            ("Cyrillic_General_100_BIN2", "1904002200"),
            ("Latin1_General_CI_AS_KS_WS", "0904100000"),
        ] {
            assert_eq!(wire(name), bytes, "{name}");
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_unknown_ones_are_448() {
        let id = CollationId::by_name("japanese_xjis_100_ci_as").unwrap();
        assert_eq!(id.get().name, "Japanese_XJIS_100_CI_AS");
        assert_eq!(CollationId::by_name("Klingon_CI_AS").unwrap_err().number, 448);
        assert_eq!(CollationId::catalog().get().name, "Latin1_General_CI_AS_KS_WS");
    }

    #[test]
    fn the_five_bytes_lead_back_to_the_name() {
        for (id, collation) in CollationId::all().filter(|(_, collation)| !collation.name.ends_with("_SC")) {
            assert_eq!(CollationId::by_wire(collation.wire()), Some(id), "{}", collation.name);
        }
        assert_eq!(CollationId::by_wire(CollationBytes([0; 5])), None);
    }
}
