//! Variables, flow, errors, procedures.
use crate::testing::{errors, ok, rows, run, session};

#[test]
fn variables_and_flow() {
    let mut s = session();
    let sql = "declare @i int = 0, @s varchar(20) = ''; while @i < 5 begin set @i += 1; if @i = 3 continue; if @i = 5 break; \
               set @s = @s + cast(@i as varchar(2)) end select @s, @i";
    assert_eq!(rows(&mut s, sql), [["124", "5"]]);
    assert_eq!(rows(&mut s, "declare @a int; select @a = x from (values (1),(2)) v(x); select @a"), [["2"]]);
    assert_eq!(rows(&mut s, "if exists(select 1 where 1=0) select 1 else select 2"), [["2"]]);
    assert_eq!(errors(&mut s, "select @nope")[0].0, 137);
}

#[test]
fn dynamic_sql_and_parameters() {
    let mut s = session();
    assert_eq!(rows(&mut s, "exec sp_executesql N'select @a + 1', N'@a int', @a = 41"), [["42"]]);
    assert_eq!(
        rows(
            &mut s,
            "declare @x int; exec sp_executesql N'set @o = 5', N'@o int output', @o = @x output; select @x"
        ),
        [["5"]]
    );
    assert_eq!(rows(&mut s, "exec ('select ' + '7')"), [["7"]]);
    assert_eq!(errors(&mut s, "exec nothing_of_the_kind")[0].0, 2812);
    ok(
        &mut s,
        "exec sp_executesql N'set nocount on; set lock_timeout 5; set transaction isolation level serializable'",
    );
    assert_eq!(
        rows(&mut s, "select @@options & 512, @@lock_timeout"),
        [["0", "-1"]],
        "they end with the text"
    );
    let heard = run(&mut s, "exec('begin tran')");
    assert_eq!(heard.error().map(|e| e.number), Some(266));
    ok(&mut s, "rollback");
}

#[test]
fn try_catches_and_dooms() {
    let mut s = session();
    let sql = "begin try select 1/0 end try begin catch select error_number(), error_message() end catch";
    let heard = ok(&mut s, sql);
    assert_eq!(heard.results.len(), 2);
    let sql = "begin tran; begin try declare @x int = 'x' end try begin catch select xact_state(); rollback end catch; select @@trancount";
    let heard = ok(&mut s, sql);
    assert_eq!(format!("{:?}", heard.results[0].1), "[[Int(-1)]]");
    let heard = run(&mut s, "throw 50001, 'mine', 3; select 1");
    assert_eq!(heard.error().map(|e| (e.number, e.state)), Some((50001, 3)));
    assert!(heard.results.is_empty());
    let heard = run(&mut s, "raiserror('%s is %d', 16, 2, 'it', 5); select 1");
    assert_eq!(heard.error().map(|e| e.text.as_str()), Some("it is 5"));
    assert_eq!(heard.results.len(), 1);
}

#[test]
fn errors_know_their_line() {
    let heard = run(&mut session(), "select 1\nselect 2\n\nselect * from nope");
    assert_eq!(heard.error().map(|e| e.line), Some(4));
    let heard = run(&mut session(), "select 1\nselect\n");
    assert!(heard.results.is_empty());
}

#[test]
fn options_show() {
    let mut s = session();
    let heard = ok(&mut s, "set nocount on; select 1");
    assert_eq!(heard.done[1].count, None);
    assert_eq!(rows(&mut s, "set rowcount 1; select x from (values (1),(2)) v(x)").len(), 1);
    ok(&mut s, "set rowcount 0; set lock_timeout 500; set ansi_nulls, quoted_identifier on");
    assert_eq!(rows(&mut s, "select @@lock_timeout"), [["500"]]);
    assert_eq!(errors(&mut s, "set frobnicate on")[0].0, 195);
    assert_eq!(errors(&mut s, "use nowhere")[0].0, 911);
}
