//! Every type, with its boundaries and NULL, into a table of the same types.
use replica_testkit::Pair;

use crate::util::{copy, skip};

/// Type, and values that lie at its edges.
const TYPES: &[(&str, &[&str])] = &[
    ("bit", &["0", "1"]),
    ("tinyint", &["0", "255"]),
    ("smallint", &["-32768", "32767"]),
    ("int", &["-2147483648", "2147483647"]),
    ("bigint", &["-9223372036854775808", "9223372036854775807"]),
    ("decimal(9,2)", &["-9999999.99", "0.01"]),
    ("decimal(38,0)", &["-99999999999999999999999999999999999999", "99999999999999999999999999999999999999"]),
    ("numeric(28,28)", &["0.9999999999999999999999999999", "-0.0000000000000000000000000001"]),
    ("money", &["-922337203685477.5808", "922337203685477.5807"]),
    ("smallmoney", &["-214748.3648", "214748.3647"]),
    ("real", &["-3.4E38", "1.18E-38"]),
    ("float", &["-1.79E308", "2.23E-308"]),
    ("date", &["'0001-01-01'", "'9999-12-31'"]),
    ("time(0)", &["'00:00:00'", "'23:59:59'"]),
    ("time(7)", &["'00:00:00'", "'23:59:59.9999999'"]),
    ("smalldatetime", &["'1900-01-01T00:00:00'", "'2079-06-06T23:59:00'"]),
    ("datetime", &["'1753-01-01T00:00:00'", "'9999-12-31T23:59:59.997'"]),
    ("datetime2(0)", &["'0001-01-01T00:00:00'", "'9999-12-31T23:59:59'"]),
    ("datetime2(7)", &["'0001-01-01T00:00:00'", "'9999-12-31T23:59:59.9999999'"]),
    ("datetimeoffset(3)", &["'0001-01-02T00:00:00.000+14:00'", "'9999-12-30T23:59:59.999-14:00'"]),
    ("char(5)", &["''", "'abcde'"]),
    ("varchar(8000)", &["''", "REPLICATE('x', 8000)"]),
    ("varchar(max)", &["''", "REPLICATE(CAST('x' AS varchar(max)), 20000)"]),
    ("varchar(30) COLLATE Cyrillic_General_CI_AS", &["N'жизнь  '", "N'Ωx'"]),
    ("varchar(30) COLLATE Japanese_CI_AS", &["N'日本語'", "N'ｱabc'"]),
    ("varchar(30) COLLATE Latin1_General_100_CI_AS_SC_UTF8", &["N'日本語'", "N'e\u{301}\u{1F600} '"]),
    ("nchar(5)", &["N''", "N'жé木 '"]),
    ("nvarchar(4000)", &["N''", "REPLICATE(N'\u{1F600}', 2000)"]),
    ("nvarchar(max)", &["N''", "REPLICATE(CAST(N'木' AS nvarchar(max)), 9000)"]),
    ("binary(4)", &["0x00", "0xFFFFFFFF"]),
    ("varbinary(8000)", &["0x", "0x00FF00"]),
    ("varbinary(max)", &["0x", "CAST(REPLICATE(CAST('x' AS varchar(max)), 20000) AS varbinary(max))"]),
    ("text", &["''", "'text'"]),
    ("ntext", &["N''", "N'ntéxt'"]),
    ("image", &["0x", "0x0102"]),
    (
        "uniqueidentifier",
        &["'00000000-0000-0000-0000-000000000000'", "'6F9619FF-8B86-D011-B42D-00C04FC964FF'"],
    ),
    ("xml", &["'<a b=\"1\">x</a>'", "'<r/>'"]),
    ("sql_variant", &["CAST(12.5 AS decimal(5,2))", "CAST(N'жé' AS nvarchar(10))"]),
    ("hierarchyid", &["0x5AC0"]),
    ("geography", &["0xE6100000010C0000000000002440000000000000F03F"]),
    ("geometry", &["0x00000000010C000000000000F03F0000000000000040"]),
];

/// A table of one type, nullable and not, on both sides, with the values in the source.
struct Typed {
    name: String,
    sql_type: &'static str,
}

impl Typed {
    /// # Errors
    /// The server has no such type.
    fn create(pair: &Pair, number: usize, sql_type: &'static str, values: &[&str]) -> Result<Self, String> {
        let name = format!("dbo.t{number}");
        let create = format!(
            "CREATE TABLE {name} (id int NOT NULL PRIMARY KEY, v {sql_type} NULL, w {sql_type} NOT NULL)"
        );
        for database in [&pair.source, &pair.target] {
            database.client().try_batch(&create).map_err(|error| error.to_string())?;
        }
        let mut source = pair.source.client();
        for (id, value) in values.iter().enumerate() {
            source.run(&format!("INSERT INTO {name} VALUES ({id}, {value}, {value})"));
            source.run(&format!("INSERT INTO {name} VALUES ({}, NULL, {value})", id + 100));
        }
        Ok(Self { name, sql_type })
    }

    #[track_caller]
    fn assert_equal(&self, pair: &Pair) {
        // xml has no comparison of its own; its text has. tiberius decodes neither variants nor CLR types: their bytes
        // are compared on the servers.
        let cast = match self.sql_type {
            "xml" => Some("nvarchar(max)"),
            "sql_variant" => Some("nvarchar(100)"),
            "hierarchyid" | "geography" | "geometry" => Some("varbinary(max)"),
            _ => None,
        };
        let read = |column| match cast {
            Some(cast) => format!("CAST({column} AS {cast}) AS {column}"),
            None => String::from(column),
        };
        pair.assert_equal(&format!("SELECT id, {}, {} FROM {} ORDER BY id", read("v"), read("w"), self.name));
    }
}

/// Copies a table of every type with these options, and reads them back.
#[track_caller]
pub fn copy_every_type(options: &[&str]) {
    let pair = Pair::new();
    let mut tables = Vec::new();
    for (number, (sql_type, values)) in TYPES.iter().enumerate() {
        match Typed::create(&pair, number, sql_type, values) {
            Ok(table) => tables.push(table),
            Err(error) => skip(&format!("{sql_type}: {error}")),
        }
    }
    let names = tables.iter().map(|table| table.name.as_str());
    copy(&pair, &names.chain(["--verify", "hash"]).chain(options.iter().copied()).collect::<Vec<_>>());
    tables.iter().for_each(|table| table.assert_equal(&pair));
}

#[test]
fn every_type_arrives_as_it_left() {
    copy_every_type(&[]);
}
