//! What a corpus begins with: right bytes, which mutations make wrong.
use replica_core::tds::columns::{self, Form, WireColumn};
use replica_core::tds::login7::{Login7, feature};
use replica_core::tds::packet::{frame, kind};
use replica_core::tds::prelogin::{Prelogin, encryption, option};
use replica_core::tds::token::{
    self, Done, DoneKind, EnvChange, LoginAck, Message, ReturnValue, done, kind as token_kind,
};
use replica_core::tds::types::{TypeInfo, token as type_token};

use crate::rows::types;

/// Of a target. The seed of `parquet` is a file, which `replica-parquet`'s tests write.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    match target {
        "tokens" => vec![tokens(), login_answer(), result()],
        "packets" => packets(),
        "prelogin" => vec![prelogin_answer()],
        "login7" => login7(),
        "columns" => vec![metadata()],
        "rows" => rows(),
        "connection_string" => texts(&CONNECTION_STRINGS),
        "configuration" => texts(&CONFIGURATIONS),
        "names" => texts(&NAMES),
        "client" => client(),
        _ => Vec::new(),
    }
}

const CONNECTION_STRINGS: [&str; 9] = [
    "Server=tcp:db.example,1433;Database=shop;User Id=loader;Password=\"a;b\"\"c\";Encrypt=Strict;TrustServerCertificate=no",
    "Data Source=db\\REPORTS;Initial Catalog='shop';Integrated Security=SSPI;Connect Timeout=5;MultiSubnetFailover=True",
    "Driver={ODBC Driver 18 for SQL Server};Server=db.example,1433;Database=shop;UID=loader;PWD={a}}b;c};Encrypt=yes",
    "jdbc:sqlserver://db.example\\REPORTS:1433;databaseName=shop;user={lo}}ader};password=x;encrypt=true;loginTimeout=30",
    "sqlserver://loader:p%40ss@db.example:1433/shop?encrypt=true&TrustServerCertificate=true&app+name=x",
    "mssql://db.example",
    "Server=[::1],1433;User Id=u;Password=p;ApplicationIntent=ReadOnly;Packet Size=32767;Server SPN=MSSQLSvc/db",
    "Server=(localdb)\\x;Authentication=ActiveDirectoryServicePrincipal;User Id=a@b;Password=c",
    " server = . ; ; uid=; pwd='it''s' ;; ConnectRetryCount=3;ConnectRetryInterval=10",
];

const CONFIGURATIONS: [&str; 4] = [
    "[source]\nserver = \"db.example,1433\"\nuser = \"loader\"\npassword_env = \"X\"\ndatabase = \"shop\"\n\n[target]\nconnection_string = \"Server=r;User Id=u;Password=p\"\n",
    "[tables.\"dbo.SALES\"]\ndate_column = \"sold\"\nwhere = \"region = 'N'\"\nexclude_columns = [\"a\", \"b\"]\ntarget = \"x.y\"\nallow_shrink = 50\n",
    "[etl]\nmonthly = [\"dbo.A\", { table = \"dbo.B\", months = 3 }]\nreference = [\"dbo.*\", \"!dbo.tmp_*\"]\nworkers = 4\n",
    "[notify]\nwhen = \"failure\"\nprogram = [\"/bin/true\"]\nurl = \"https://example.org/hook\"\n\n[schema]\nkeep = [\"foreign_keys\"]\n",
];

const NAMES: [&str; 8] = [
    "dbo.SALES",
    "[dbo].[a]]b.c]",
    "\"a\"\"b\".\"c\"",
    "!dbo.tmp_*",
    "dbo.????_*x*y*z*",
    "[dbo].[*]",
    "t",
    "a.b.c",
];

/// PRELOGIN of a server without encryption.
pub fn prelogin_answer() -> Vec<u8> {
    let mut prelogin = Prelogin::default();
    prelogin.set(option::VERSION, &[16, 0, 0x10, 0x4B, 0, 0]);
    prelogin.set(option::ENCRYPTION, &[encryption::NOT_SUPPORTED]);
    let mut out = Vec::new();
    prelogin.encode(&mut out);
    out
}

/// A login that is accepted.
pub fn login_answer() -> Vec<u8> {
    let mut out = Vec::new();
    EnvChange::Database { new: "shop".into(), old: "master".into() }.encode(&mut out);
    EnvChange::PacketSize { new: 4096, old: 4096 }.encode(&mut out);
    let program = "Microsoft SQL Server".to_owned();
    let ack = LoginAck { interface: 1, tds_version: [0x74, 0, 0, 4], program, version: [16, 0, 0x10, 0x4B] };
    ack.encode(&mut out);
    out.extend(ended(0));
    out
}

fn ended(count: u64) -> Vec<u8> {
    let mut out = Vec::new();
    Done { kind: DoneKind::Done, status: done::COUNT, command: 193, count }.encode(&mut out);
    out
}

fn wire_columns() -> Vec<WireColumn> {
    let column = |(n, type_info)| WireColumn {
        name: format!("c{n}").into(),
        user_type: 0,
        flags: 9,
        type_info,
        table: Vec::new(),
    };
    types().into_iter().enumerate().map(column).collect()
}

fn metadata() -> Vec<u8> {
    let mut out = Vec::new();
    columns::encode(&wire_columns(), Form::Result, &mut out);
    out
}

/// An int, as a result with two rows.
fn result() -> Vec<u8> {
    let type_info = TypeInfo::Fixed { token: type_token::INT4 };
    let column = WireColumn { name: "n".into(), user_type: 0, flags: 8, type_info, table: Vec::new() };
    let mut out = Vec::new();
    columns::encode(&[column], Form::Result, &mut out);
    for n in [7_i32, -7] {
        out.push(token_kind::ROW);
        out.extend(n.to_le_bytes());
    }
    out.extend(ended(2));
    out
}

fn tokens() -> Vec<u8> {
    let mut out = metadata();
    token::encode_order(&[1, 2], &mut out);
    let message = Message {
        number: 2627,
        state: 1,
        class: 14,
        text: "Violation of PRIMARY KEY constraint".into(),
        server: "S".into(),
        procedure: "p".into(),
        line: 1,
    };
    message.encode(token_kind::ERROR, &mut out);
    message.encode(token_kind::INFO, &mut out);
    token::encode_return_status(0, &mut out);
    let type_info = TypeInfo::ByteLen { token: type_token::INTN, size: 4 };
    let value = vec![4, 1, 0, 0, 0];
    let name = "@out".to_owned();
    ReturnValue { ordinal: 0, name, status: 1, user_type: 0, flags: 0, type_info, value }.encode(&mut out);
    token::encode_features(&[(feature::UTF8_SUPPORT, vec![1])], &mut out);
    EnvChange::BeginTransaction(7).encode(&mut out);
    EnvChange::Routing { port: 1433, host: "other".into() }.encode(&mut out);
    EnvChange::Commit(7).encode(&mut out);
    out.extend(ended(3));
    out
}

fn packets() -> Vec<Vec<u8>> {
    let framed = |sizes: &[usize]| {
        let mut out = vec![3, 200, 1, 50, 255, 7, 9, 12];
        sizes.iter().for_each(|size| frame(kind::REPLY, &tokens(), *size, &mut out));
        out
    };
    vec![framed(&[512, 4096]), framed(&[64, 64, 64])]
}

fn login7() -> Vec<Vec<u8>> {
    let login = Login7 {
        tds_version: 0x7400_0004,
        packet_size: 4096,
        host: "h".into(),
        user: "loader".into(),
        password: "secret".into(),
        application: "replica".into(),
        database: "shop".into(),
        ..Login7::default()
    };
    let with_features =
        Login7 { features: Some(vec![(feature::UTF8_SUPPORT, vec![1])]), sspi: vec![1; 40], ..login.clone() };
    let encoded = |login: &Login7| {
        let mut out = Vec::new();
        login.encode(&mut out);
        out
    };
    vec![encoded(&login), encoded(&with_features)]
}

/// Columns, cuts, limits and rows: see `rows::rows`.
fn rows() -> Vec<Vec<u8>> {
    let short = |nbc: bool| {
        // Two columns: an int of either form, a varchar(50).
        let mut out = vec![1, 3, 11, 5, 1, 9, 200, 3, 3, 3, 3, 4, 2];
        for n in 0..5_u8 {
            out.push(if nbc { token_kind::NBCROW } else { token_kind::ROW });
            if nbc {
                out.push(n % 4);
            }
            if !nbc || n % 2 == 0 {
                out.extend([8, n, 0, 0, 0, 0, 0, 0, 0]);
            }
            if !nbc || n % 4 < 2 {
                out.extend([3, 0, b'a', b'b', b'c']);
            }
        }
        out
    };
    // nvarchar(max), of known and of unknown length, and text.
    let mut long = vec![1, 13, 16, 1, 9, 200, 3, 3, 3, 3, 3, 4, 2];
    for announced in [4_u64, u64::MAX - 1, u64::MAX] {
        long.push(token_kind::ROW);
        long.extend(announced.to_le_bytes());
        if announced != u64::MAX {
            long.extend([4, 0, 0, 0, b'a', 0, b'b', 0, 0, 0, 0, 0]);
        }
        long.push(16);
        long.extend([7; 24]);
        long.extend([3, 0, 0, 0, 1, 2, 3]);
    }
    // 130 columns, all of them NULL but the last.
    let mut wide = vec![129, 3, 3, 3, 3, 3, 3, 3, 3, 9, 9, 9, 9, 9, 9, 9, 9, 4, 2, token_kind::NBCROW];
    wide.extend([0xFF; 16]);
    wide.extend([0x01, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    vec![short(false), short(true), long, wide]
}

/// Switches, and answers: see `server::client`.
fn client() -> Vec<Vec<u8>> {
    let told = |switches: u8, answers: &[Vec<u8>]| {
        let pieces = answers.iter().flat_map(|answer| {
            [&u16::try_from(answer.len()).unwrap_or_default().to_le_bytes(), answer.as_slice()].concat()
        });
        std::iter::once(switches).chain(pieces).collect()
    };
    let answers: Vec<Vec<u8>> = (0..8).map(|n| if n % 2 == 0 { result() } else { ended(0) }).collect();
    let logged_in = [&[prelogin_answer(), login_answer()][..], &answers].concat();
    vec![told(0, &answers), told(2, &vec![result(); 10]), told(4, &logged_in), told(0, &[tokens(), tokens()])]
}
