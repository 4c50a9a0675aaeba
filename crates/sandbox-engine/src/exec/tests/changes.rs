//! INSERT, UPDATE, DELETE and what refuses them.
use crate::testing::{errors, ok, rows, run, session};

#[test]
fn rows_go_in_change_and_go() {
    let mut s = session();
    ok(&mut s, "create table t(id int not null primary key, n nvarchar(10), d int not null default 7)");
    ok(&mut s, "insert into t(id, n) values (1, N'a'), (2, N'b'); insert t values (3, N'c', default)");
    ok(&mut s, "insert t(id, n) select id + 10, n from t");
    assert_eq!(rows(&mut s, "select count(*), sum(d) from t"), [["6", "42"]]);
    let heard = ok(&mut s, "update t set n = n + N'!', d = id where id < 3");
    assert_eq!(heard.done[0].count, Some(2));
    assert_eq!(
        rows(&mut s, "select id, n, d from t where id < 4 order by id"),
        [["1", "a!", "1"], ["2", "b!", "2"], ["3", "c", "7"]]
    );
    let heard = ok(&mut s, "delete top (2) from t where id > 10");
    assert_eq!(heard.done[0].count, Some(2));
    assert_eq!(rows(&mut s, "delete from t output deleted.id where id = 1"), [["1"]]);
    assert_eq!(rows(&mut s, "insert t(id) output inserted.id, inserted.d values (50)"), [["50", "7"]]);
    ok(&mut s, "delete a from t a join t b on a.id = b.id where b.id = 50");
    assert_eq!(rows(&mut s, "select @@rowcount"), [["1"]]);
}

#[test]
fn keys_and_nulls_are_held() {
    let mut s = session();
    ok(
        &mut s,
        "create table t(id int not null constraint pk primary key, u varchar(5)); create unique index ux on t(u)",
    );
    ok(&mut s, "insert t values (1, 'a'), (2, null)");
    assert_eq!(errors(&mut s, "insert t values (1, 'z')")[0], (
        2627,
        "Violation of PRIMARY KEY constraint 'pk'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (1)."
            .into()
    ));
    assert_eq!(errors(&mut s, "insert t values (3, 'A ')")[0], (
        2601,
        "Cannot insert duplicate key row in object 'dbo.t' with unique index 'ux'. The duplicate key value is (A).".into()
    ));
    assert_eq!(errors(&mut s, "insert t values (3, null)")[0].0, 2601);
    assert_eq!(errors(&mut s, "insert t(u) values ('q')")[0].0, 515);
    assert_eq!(errors(&mut s, "insert t values (5, 'e'), (6, 'f'), (5, 'g')")[0].0, 2627);
    assert_eq!(rows(&mut s, "select count(*) from t"), [["2"]]);
    // A key may move to where another has just left.
    ok(&mut s, "update t set id = 3 - id");
    assert_eq!(rows(&mut s, "select id, u from t order by id"), [["1", "NULL"], ["2", "a"]]);
}

#[test]
fn terminated_statements_say_so() {
    let mut s = session();
    ok(&mut s, "create table t(id int not null)");
    let heard = run(&mut s, "insert t values (null); select 1");
    let numbers: Vec<i32> = heard.messages.iter().map(|m| m.number).collect();
    assert_eq!(numbers, [515, 3621]);
    assert_eq!(heard.rows(), [["1"]]);
    let heard = run(&mut s, "set xact_abort on; insert t values (null); select 1");
    let numbers: Vec<i32> = heard.messages.iter().map(|m| m.number).collect();
    assert_eq!(numbers, [515]);
    assert!(heard.results.is_empty());
}

#[test]
fn text_that_does_not_fit_names_its_place() {
    let mut s = session();
    ok(&mut s, "create database d; ");
    ok(&mut s, "use d; create table t(s varchar(3), n tinyint)");
    assert_eq!(errors(&mut s, "insert t(s) values ('abcd')")[0], (
        2628,
        "String or binary data would be truncated in table 'd.dbo.t', column 's'. Truncated value: 'abc'.".into()
    ));
    ok(&mut s, "insert t(s) values ('abc   ')");
    assert_eq!(errors(&mut s, "insert t(n) values (256)")[0].0, 220);
    assert_eq!(errors(&mut s, "insert t(n) values ('x')")[0].0, 245);
}

#[test]
fn foreign_keys_and_checks_are_held() {
    let mut s = session();
    ok(
        &mut s,
        "create table p(id int primary key); create table c(p int constraint fk references p(id), q int constraint ck check (q > 0))",
    );
    ok(&mut s, "insert p values (1); insert c values (1, 5), (null, null)");
    assert_eq!(errors(&mut s, "insert c values (2, 5)")[0], (
        547,
        "The INSERT statement conflicted with the FOREIGN KEY constraint \"fk\". The conflict occurred in database \"master\", \
         table \"dbo.p\", column 'id'."
            .into()
    ));
    assert_eq!(errors(&mut s, "insert c values (1, 0)")[0], (
        547,
        "The INSERT statement conflicted with the CHECK constraint \"ck\". The conflict occurred in database \"master\", table \
         \"dbo.c\", column 'q'."
            .into()
    ));
    assert_eq!(errors(&mut s, "delete p")[0], (
        547,
        "The DELETE statement conflicted with the REFERENCE constraint \"fk\". The conflict occurred in database \"master\", \
         table \"dbo.c\", column 'p'."
            .into()
    ));
    ok(&mut s, "delete c; delete p");
}

#[test]
fn identities_are_given_and_kept() {
    let mut s = session();
    ok(&mut s, "create table t(id int identity(10,5), a int); insert t(a) values (1), (2)");
    assert_eq!(rows(&mut s, "select id from t order by id"), [["10"], ["15"]]);
    assert_eq!(rows(&mut s, "select cast(scope_identity() as int)"), [["15"]]);
    assert_eq!(errors(&mut s, "insert t(id, a) values (1, 1)")[0].0, 544);
    ok(&mut s, "set identity_insert t on; insert t(id, a) values (100, 3); set identity_insert t off");
    ok(&mut s, "begin tran; insert t(a) values (4); rollback; insert t(a) values (5)");
    assert_eq!(rows(&mut s, "select max(id) from t"), [["110"]]);
    assert_eq!(errors(&mut s, "set identity_insert t on; insert t values (1, 1)")[0].0, 8101);
}

#[test]
fn what_the_server_makes_cannot_be_given() {
    let mut s = session();
    ok(&mut s, "create table t(a int, c as a + 1, r rowversion)");
    assert_eq!(errors(&mut s, "insert t(a, c) values (1, 1)")[0].0, 271);
    assert_eq!(errors(&mut s, "insert t(a, r) values (1, 0x01)")[0].0, 273);
    ok(&mut s, "insert t(a) values (1), (2)");
    assert_eq!(rows(&mut s, "select count(distinct r) from t"), [["2"]]);
    ok(&mut s, "truncate table t");
    assert_eq!(rows(&mut s, "select count(*) from t"), [["0"]]);
}

#[test]
fn duplicates_are_passed_over_where_the_index_says_so() {
    let mut s = session();
    ok(
        &mut s,
        "create table t(a int not null, b int null, constraint pk primary key (a) with (ignore_dup_key = on))",
    );
    let heard = ok(&mut s, "insert t values (1, 1), (1, 2), (2, 3); select @@rowcount");
    assert_eq!(heard.messages.iter().map(|m| m.number).collect::<Vec<_>>(), [3604]);
    assert_eq!(heard.done[0].count, Some(2));
    assert_eq!(rows(&mut s, "select a, b from t order by a"), [["1", "1"], ["2", "3"]]);
    assert_eq!(rows(&mut s, "insert t output inserted.b values (2, 9), (3, 4)"), [["4"]]);
    assert_eq!(errors(&mut s, "update t set a = 1 where a = 2")[0].0, 2627, "an UPDATE has to fail");
    assert_eq!(rows(&mut s, "select ignore_dup_key from sys.indexes where name = 'pk'"), [["1"]]);
    assert_eq!(errors(&mut s, "create index i on t(b) with (ignore_dup_key = on)")[0].0, 1916);
}

#[test]
fn a_filtered_unique_index_holds_for_its_rows_only() {
    let mut s = session();
    ok(
        &mut s,
        "create table t(a int null, s varchar(9) null); create unique index u on t(a) where s is not null",
    );
    ok(&mut s, "insert t values (1, null), (1, null), (1, 'x'), (2, 'x')");
    assert_eq!(errors(&mut s, "insert t values (1, 'y')")[0].0, 2601);
    ok(&mut s, "insert t values (1, null)");
    assert_eq!(errors(&mut s, "update t set s = 'z' where a = 1 and s is null")[0].0, 2601);
    ok(&mut s, "update t set s = null where a = 1; update top (1) t set s = 'z' where a = 1");
    assert_eq!(errors(&mut s, "update t set a = 1 where a = 2")[0].0, 2601);
}

#[test]
fn deletes_cascade_to_children_and_theirs() {
    let mut s = session();
    ok(
        &mut s,
        "create table p(id int not null primary key);
         create table c(id int not null primary key, p int null references p(id) on delete cascade);
         create table g(id int not null, c int not null references c(id) on delete cascade);
         create table k(c int not null references c(id));
         insert p values (1), (2), (3); insert c values (10, 1), (11, 1), (20, 2), (30, null);
         insert g values (100, 10), (101, 10), (200, 20); insert k values (20)",
    );
    assert_eq!(errors(&mut s, "delete p")[0].0, 547, "k keeps one");
    assert_eq!(rows(&mut s, "select (select count(*) from p), (select count(*) from c)"), [["3", "4"]]);
    let heard = ok(&mut s, "delete p where id = 1");
    assert_eq!(heard.done[0].count, Some(1), "only the table's own rows count");
    assert_eq!(rows(&mut s, "select id from c order by id"), [["20"], ["30"]]);
    assert_eq!(rows(&mut s, "select id from g"), [["200"]]);
    ok(&mut s, "delete k; begin tran; delete p; rollback");
    assert_eq!(rows(&mut s, "select (select count(*) from c), (select count(*) from g)"), [["2", "1"]]);
    ok(&mut s, "delete p");
    assert_eq!(rows(&mut s, "select (select count(*) from c), (select count(*) from g)"), [["1", "0"]]);
}

#[test]
fn children_change_with_their_parents() {
    let mut s = session();
    ok(
        &mut s,
        "create table p(id int not null primary key, n int not null);
         create table c(id int not null primary key, v rowversion,
             p int null default (1 + 2) references p(id) on update cascade on delete set null);
         create table u(id int not null unique references c(id) on update cascade);
         create table d(id int not null, p int default 3 check (p <> 5) references p(id) on delete set default
             on update set default);
         insert p values (1, 0), (2, 0), (3, 0), (4, 0); insert c(id, p) values (10, 1), (11, 1), (20, 2);
         insert d values (1, 2), (2, 4); insert u values (20)",
    );
    let both = "select (select string_agg(concat(id, ':', p), ' ') from c), (select string_agg(concat(id, ':', p), ' ') from d)";
    let heard = ok(&mut s, "update p set id = id + 10 output inserted.id + deleted.n where id <= 2");
    assert_eq!(heard.done[0].count, Some(2), "only the table's own rows count");
    assert_eq!(rows(&mut s, both), [["10:11 11:11 20:12", "2:4 1:3"]]);
    ok(&mut s, "update p set n = 1");
    ok(&mut s, "begin tran; delete p where id in (11, 4); rollback");
    assert_eq!(rows(&mut s, both), [["10:11 11:11 20:12", "2:4 1:3"]]);
    ok(&mut s, "delete p where id in (11, 4)");
    assert_eq!(rows(&mut s, both), [["20:12 10: 11:", "1:3 2:3"]]);
    assert_eq!(errors(&mut s, "delete p where id = 3")[0].0, 547, "the default's own parent");
    ok(&mut s, "update c set id = 21 where id = 20");
    assert_eq!(rows(&mut s, "select id from u"), [["21"]]);
    ok(&mut s, "insert p values (5, 0)");
    ok(&mut s, "create table must(p int not null references p(id) on delete set null)");
    ok(&mut s, "insert must values (5)");
    assert_eq!(errors(&mut s, "delete p where id = 5")[0].0, 515);
    assert_eq!(rows(&mut s, "select count(*) from p where id = 5"), [["1"]]);
}

#[test]
fn actions_that_meet_are_refused() {
    let mut s = session();
    let own = "create table own(id int primary key, p int references own(id) on delete cascade)";
    assert_eq!(errors(&mut s, own)[0].0, 1785);
    ok(
        &mut s,
        "create table own(id int primary key, p int references own(id));
         create table a(id int primary key); create table b(id int primary key references a on delete cascade)",
    );
    let twice = "create table c(b int references b on delete cascade, a int references a on delete set null)";
    assert_eq!(errors(&mut s, twice)[0].0, 1785);
    ok(&mut s, "create table c(b int references b on delete cascade, a int references a on update cascade)");
    assert_eq!(
        errors(&mut s, "alter table a add foreign key (id) references b on delete set default")[0].0,
        1785
    );
}

#[test]
fn top_takes_whole_numbers_from_zero_on() {
    let mut s = session();
    ok(&mut s, "create table t(a int); insert t values (1), (2)");
    for (top, number) in [("-1", 127), ("0 - 1", 127), ("null", 1060), ("1.5", 1060)] {
        for sql in [format!("select top ({top}) a from t"), format!("delete top ({top}) from t")] {
            assert_eq!(errors(&mut s, &sql)[0].0, number, "{sql}");
        }
    }
    assert_eq!(errors(&mut s, "declare @n int = -1; update top (@n) t set a = 1")[0].0, 127);
    assert_eq!(rows(&mut s, "declare @n bigint = 1; select top (@n) a from t"), [["1"]]);
    assert_eq!(rows(&mut s, "select top (0) a from t").len(), 0);
}

/// Microsoft docs, "DBCC CHECKIDENT": a table that never had a row begins with the number, any other goes on after it.
#[test]
fn identities_are_reseeded() {
    let mut s = session();
    ok(
        &mut s,
        "create table fresh(id int identity(10, 5), v int); create table used(id int identity, v int)",
    );
    ok(&mut s, "insert into used(v) values (1), (2)");
    let heard = ok(&mut s, "dbcc checkident ('fresh', reseed, 7) with no_infomsgs");
    assert!(heard.messages.is_empty());
    let heard = ok(&mut s, "declare @t sysname = 'dbo.used'; dbcc checkident (@t, reseed, 40)");
    assert_eq!(heard.messages.iter().map(|m| m.number).collect::<Vec<_>>(), [7998, 2528]);
    ok(&mut s, "insert into fresh(v) values (1); insert into used(v) values (3)");
    assert_eq!(rows(&mut s, "select max(id) from fresh union all select max(id) from used"), [["7"], ["41"]]);
    assert_eq!(errors(&mut s, "dbcc checkident ('none', reseed, 1)")[0].0, 2501);
    ok(&mut s, "create table plain(id int)");
    assert_eq!(errors(&mut s, "dbcc checkident ('plain', reseed, 1)")[0].0, 7997);
}

#[test]
fn output_goes_into_a_table() {
    let mut s = session();
    ok(
        &mut s,
        "create table t(id int identity primary key, n varchar(10)); create table log_(at int identity, id bigint, n varchar(20))",
    );
    assert_eq!(
        rows(
            &mut s,
            "insert t output inserted.id, upper(inserted.n) into log_ values('a'),('b'); select id, n from log_"
        ),
        [["1", "A"], ["2", "B"]]
    );
    ok(&mut s, "create table #o(was varchar(10), id int null)");
    let update = "update t set n = n + 'x' output deleted.n into #o(was) where id = 1; select @@rowcount, was, id from #o";
    assert_eq!(rows(&mut s, update), [["1", "a", "NULL"]]);
    assert_eq!(
        rows(
            &mut s,
            "delete t output deleted.id into log_(id); select id, n from log_ where n is null order by id"
        ),
        [["1", "NULL"], ["2", "NULL"]]
    );
    // What INTO refuses takes the change with it.
    ok(&mut s, "insert t values('c'); create table small(n varchar(1) primary key)");
    let refused = "update t set n = 'long' output inserted.n into small";
    assert_eq!(errors(&mut s, refused)[0].0, 2628);
    assert_eq!(rows(&mut s, "select n from t"), [["c"]]);
    assert_eq!(errors(&mut s, "insert t output inserted.id, inserted.n into small values('d')")[0].0, 213);
    ok(
        &mut s,
        "create table checked(a int check (a > 0)); create table pointing(a varchar(1) references small)",
    );
    assert_eq!(errors(&mut s, "insert t output inserted.id into checked values('d')")[0].0, 333);
    assert_eq!(errors(&mut s, "insert t output inserted.n into small values('d')")[0].0, 332);
    assert_eq!(errors(&mut s, "insert t output inserted.n into sys.tables values('d')")[0].0, 330);
    assert_eq!(rows(&mut s, "select n from t"), [["c"]]);
}

#[test]
fn results_of_calls_are_inserted() {
    let mut s = session();
    ok(&mut s, "create table t(a int, n nvarchar(10)); insert t values (7, N'x')");
    let heard = ok(&mut s, "insert t exec ('select 1, N''a''; print N''said''; select a + 1, n from t')");
    assert_eq!(heard.done[0].count, Some(2));
    assert_eq!((heard.done.len(), heard.results.len(), heard.messages.len()), (1, 0, 1));
    assert_eq!(rows(&mut s, "select * from t order by a"), [["1", "a"], ["7", "x"], ["8", "x"]]);
    ok(
        &mut s,
        "create table #files(name sysname, size int, remarks varchar(254)); insert #files exec sp_databases",
    );
    assert_eq!(rows(&mut s, "select count(*) from #files where name = 'master'"), [["1"]]);
    let heard = ok(&mut s, "insert t(a) exec sp_executesql N'declare @n int = 1'");
    assert_eq!(heard.done[0].count, Some(0));
    assert_eq!(errors(&mut s, "insert t exec sp_databases")[0].0, 213);
    assert_eq!(errors(&mut s, "insert t exec ('insert t exec (''select 1, 2'')')")[0].0, 8164);
    assert_eq!(errors(&mut s, "insert t output inserted.a exec ('select 1, 2')")[0].0, 483);
    assert_eq!(errors(&mut s, "insert t exec ('select 1, N''a''; select N''a'', 1')")[0].0, 245);
    assert_eq!(rows(&mut s, "select count(*) from t"), [["3"]]);
    ok(&mut s, "insert t exec ('select 1, 2')");
}
