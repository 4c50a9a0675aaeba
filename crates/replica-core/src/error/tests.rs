use super::*;

fn deadlock() -> ServerError {
    ServerError {
        number: 1205,
        class: 13,
        state: 51,
        text: "a deadlock.\r\nRerun.".into(),
        ..Default::default()
    }
}

#[test]
fn the_text_is_one_line_with_place_and_remedy() {
    let error =
        Error::from_server(vec![deadlock()]).table("dbo.T").window("2024-01").remedy("Use one worker.");
    assert_eq!(
        error.to_string(),
        "dbo.T, window 2024-01: error 1205 (class 13, state 51): a deadlock.  Rerun. Use one worker."
    );
}

#[test]
fn the_innermost_place_wins() {
    assert_eq!(Error::data("too long").column("A").column("B").to_string(), "column A: too long");
}

#[test]
fn transience_comes_from_the_number_or_the_lost_connection() {
    assert!(Error::from_server(vec![deadlock()]).is_transient());
    assert!(!Error::from_server(vec![ServerError { number: 208, ..Default::default() }]).is_transient());
    assert!(Error::io("reset").is_transient());
    assert!(Error::unreachable("refused").is_transient());
    assert!(!Error::connect("login failed").is_transient());
    assert!(!Error::protocol("lies").is_transient());
}

#[test]
fn no_library_sends_its_reader_to_its_documentation() {
    let text =
        "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/x#unexpected-eof";
    for kind in [std::io::ErrorKind::UnexpectedEof, std::io::ErrorKind::Other] {
        let error = Error::from(std::io::Error::new(kind, text));
        assert!(error.is_transient() && !error.to_string().contains("://"), "{error}");
    }
    assert_eq!(without_link(text), "peer closed connection without sending TLS close_notify");
    assert_eq!(without_link("reset: by peer"), "reset: by peer");
}

#[test]
fn connecting_decides_the_exit_code_but_keeps_the_cause() {
    let error = Error::from_server(vec![ServerError { number: 18456, ..Default::default() }]);
    assert_eq!(error.exit_code(), Code::Failed);
    let error = error.while_connecting("source");
    assert_eq!(error.exit_code(), Code::Connect);
    assert!(error.has_number(18456));
    assert_eq!(Error::usage("bad").while_connecting("source").exit_code(), Code::Usage);
}
