//! Statements as long and as deep as SQL Server takes them, and beyond: an error, and the server lives on.
use crate::support::RunningSandbox;
use crate::support::raw::{RawClient, errors};

fn joined(part: &str, separator: &str, count: usize) -> String {
    vec![part; count].join(separator)
}

#[test]
fn long_chains_and_lists_are_taken() {
    let sandbox = RunningSandbox::start(&["--database", "limits"]);
    let mut client = RawClient::login_to(sandbox.address, "limits");
    client.must("CREATE TABLE t (a int NOT NULL, s nvarchar(10) NULL)");
    let numbers: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    let texts: Vec<String> = numbers.iter().map(|n| format!("N'{n}'")).collect();
    for condition in [
        joined("a = 1", " AND ", 3000),
        joined("a = 1", " OR ", 3000),
        joined("(a > 1 AND s = N'x')", " OR ", 1000),
        format!("a IN ({})", numbers.join(", ")),
        format!("s NOT IN ({})", texts.join(", ")),
        format!("a = {}", joined("1", " + ", 300)),
        format!("s = {}", joined("N'x'", " + ", 2000)),
        format!("{}a = 1{}", "(".repeat(200), ")".repeat(200)),
        format!("a = CASE {} END", joined("WHEN a = 1 THEN 2", " ", 1000)),
    ] {
        // No rows: what comes back are tokens without any.
        let tokens = client.batch(&format!("DELETE FROM t WHERE {condition}"));
        assert_eq!(errors(&tokens), [0; 0], "{}", &condition[..100]);
    }
}

#[test]
fn what_goes_too_far_is_191_and_no_crash() {
    let sandbox = RunningSandbox::start(&[]);
    let mut client = RawClient::login(sandbox.address);
    let nested =
        |open: &str, close: &str, count: usize| open.repeat(count) + "PRINT 'x'" + &close.repeat(count);
    for text in [
        nested("IF 1 = 1 ", "", 300),
        nested("WHILE 1 = 0 ", "", 300),
        nested("BEGIN ", " END", 5000),
        nested("BEGIN TRY ", " END TRY BEGIN CATCH PRINT 'y' END CATCH", 300),
        format!("SELECT {}", joined("1", " + ", 5000)),
        format!("IF {} PRINT 'x'", joined("1 = 1", " AND ", 10_000)),
        format!("SELECT {}1{}", "(".repeat(1000), ")".repeat(1000)),
        format!("SELECT {}1", "- ".repeat(1000)),
        format!("SELECT {}1{}", "CASE WHEN 1 = 1 THEN ".repeat(300), " END".repeat(300)),
        format!("SELECT {}1{}", "ABS(".repeat(300), ")".repeat(300)),
        joined("SELECT 1 AS a", " UNION ALL ", 6000),
    ] {
        assert_eq!(errors(&client.batch(&text)), [191], "{}", &text[..60]);
    }
    let deep = nested("IF 1 = 1 BEGIN ", " END", 100);
    client.must(&deep);
}
