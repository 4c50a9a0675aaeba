//! EXEC and RPC: system procedures, `sp_executesql`, EXEC (text).
use super::{Flow, Run};
use crate::procs;
use sandbox_session::Session;
use sandbox_session::api::{Cancelled, Done, Param, Sink};
use sandbox_session::failure::{Failure, Outcome};
use sandbox_session::frame::Frame;
use sandbox_sql::parse::{CallArgument, CallStatement, Callee};
use sandbox_sql::tokens::SourceText;
use sandbox_sql::type_name::{TypeName, TypePlace};
use sandbox_values::convert::{ConvertMode, arrived, cast};
use sandbox_values::error::SqlError;
use sandbox_values::{Len, SqlType, Value};
use sqlparser::ast::Expr;
use sqlparser::tokenizer::Token;

/// CurCmd of EXEC (docs/WIRE.md, "DONE").
const COMMAND: u16 = 224;
/// SQL Server's own limit of nesting (Microsoft docs, @@NESTLEVEL).
const DEEPEST: u32 = 32;

/// A procedure called by name over the wire.
pub fn rpc(
    session: &mut Session,
    name: &str,
    params: &mut [Param],
    sink: &mut dyn Sink,
) -> Result<(), Cancelled> {
    let mut frame = Frame::default();
    let mut run = Run { session, frame: &mut frame, sink };
    let called = run.procedure(name, params).and_then(|status| run.end_of_batch().map(|()| status));
    let status = match called {
        Ok(status) => status,
        Err(failure) => return super::aftermath::unheard(session, failure, sink),
    };
    sink.return_status(status)?;
    for param in params.iter().filter(|p| p.output) {
        sink.return_value(&param.name, &param.sql_type, &param.value)?;
    }
    Ok(())
}

impl Run<'_> {
    pub fn call(&mut self, call: &CallStatement) -> Outcome<Flow> {
        match &call.callee {
            Callee::Text(text) => {
                let text = self.text_of(text)?;
                self.nested(&text, &mut [])
            }
            Callee::Procedure(name) => {
                let mut params = Vec::with_capacity(call.arguments.len());
                for argument in &call.arguments {
                    params.push(self.argument(argument)?);
                }
                let status = self.procedure(&name.to_string(), &mut params)?;
                for (argument, param) in call.arguments.iter().zip(&params) {
                    if let (true, Some(Expr::Identifier(variable))) = (argument.output, &argument.value) {
                        self.give(&variable.value, &param.sql_type, &param.value)?;
                    }
                }
                if let Some(variable) = &call.status {
                    self.give(variable, &SqlType::Int, &Value::Int(status.into()))?;
                }
                self.done(Done { command: COMMAND, count: None, error: false })?;
                Ok(Flow::Next)
            }
        }
    }

    fn give(&mut self, variable: &str, from: &SqlType, value: &Value) -> Outcome {
        let to = self.frame.get(variable)?.sql_type.clone();
        Ok(self.frame.set(variable, cast(value, from, &to, None, ConvertMode::Implicit)?)?)
    }

    /// An argument's value; a bare word is text.
    fn argument(&mut self, argument: &CallArgument) -> Outcome<Param> {
        let (sql_type, value) = match &argument.value {
            Some(Expr::Identifier(word)) if word.quote_style.is_some() || !word.value.starts_with('@') => {
                let units: Vec<u16> = word.value.encode_utf16().collect();
                let sql_type = SqlType::NVarChar(Len::N(4000), self.session.current_database().1);
                (sql_type, Value::Bytes(sandbox_values::collation::utf16le(&units)))
            }
            Some(expr) => self.evaluated(expr, None)?,
            None => (SqlType::Int, Value::Null),
        };
        Ok(Param { name: argument.name.clone(), sql_type, value, output: argument.output })
    }

    /// Runs a procedure and gives its return status.
    fn procedure(&mut self, name: &str, params: &mut [Param]) -> Outcome<i32> {
        let last = name.rsplit('.').next().unwrap_or(name).trim_matches(['[', ']']);
        if last.eq_ignore_ascii_case("sp_executesql") {
            return self.execute_sql(params);
        }
        let missing = || SqlError::new(2812, 16, 62, format!("Could not find stored procedure '{name}'."));
        // A system procedure works in the database that it is called in: `other..sp_help`.
        let home = self.session.database;
        if let Some(database) = named_database(name) {
            let instance = self.session.engine.instance();
            self.session.database = instance.database(&database).ok_or_else(missing)?.id;
        }
        let result = match procs::scripts::find(&last.to_lowercase()) {
            Some(script) => self.script(script, params),
            None => {
                procs::call(name, params, self.session, self.sink).unwrap_or_else(|| Err(missing().into()))
            }
        };
        self.session.database = home;
        result
    }

    fn script(&mut self, script: &procs::scripts::Script, params: &[Param]) -> Outcome<i32> {
        let mut bound = procs::Arguments::bind(script.name, script.parameters, params)?.as_params();
        self.nested(script.body, &mut bound).map(|flow| status(&flow))
    }

    /// `sp_executesql @stmt, @params, values...`
    fn execute_sql(&mut self, params: &mut [Param]) -> Outcome<i32> {
        let Some((statement, rest)) = params.split_first_mut() else {
            return Err(SqlError::new(
                201,
                16,
                10,
                "Procedure or function 'sp_executesql' expects parameter '@statement', which was not supplied.",
            )
            .into());
        };
        let text = wide_text(statement)?;
        let Some((declarations, values)) = rest.split_first_mut() else {
            return self.nested(&text, &mut []).map(|flow| status(&flow));
        };
        let declared = self.declarations(&wide_text(declarations)?)?;
        let mut bound = Vec::with_capacity(declared.len());
        for (position, (name, sql_type)) in declared.into_iter().enumerate() {
            let given = values
                .iter()
                .find(|v| v.name.eq_ignore_ascii_case(&name))
                .or_else(|| values.get(position).filter(|v| v.name.is_empty()));
            let Some(given) = given else {
                return Err(SqlError::new(
                    8178,
                    16,
                    1,
                    format!(
                        "The parameterized query '{text}' expects the parameter '{name}', which was not supplied."
                    ),
                )
                .into());
            };
            let value =
                cast(&given.value, &arrived(&given.sql_type), &sql_type, None, ConvertMode::Implicit)?;
            bound.push(Param { name, sql_type, value, output: given.output });
        }
        let flow = self.nested(&text, &mut bound)?;
        for (position, param) in bound.iter().enumerate().filter(|(_, p)| p.output) {
            let at = values.iter().position(|v| v.name.eq_ignore_ascii_case(&param.name)).unwrap_or(position);
            if let Some(given) = values.get_mut(at) {
                given.sql_type = param.sql_type.clone();
                given.value = param.value.clone();
            }
        }
        Ok(status(&flow))
    }

    /// `@a int, @b nvarchar(10) OUTPUT`
    fn declarations(&self, text: &str) -> Result<Vec<(String, SqlType)>, SqlError> {
        let source = SourceText::new(text)?;
        let mut cursor = source.cursor();
        let mut declared = Vec::new();
        while !cursor.is_done() {
            let name = cursor.expect_name()?;
            cursor.take_word("as");
            let type_name = TypeName::parse(&mut cursor)?;
            let collation = self.session.current_database().1;
            let place = TypePlace { ordinal: declared.len() + 1, name: &name, length: 1, collation };
            let sql_type = type_name.resolve(&place)?.sql_type;
            cursor.take_any(&["output", "out"]);
            declared.push((name, sql_type));
            if !cursor.take_token(&Token::Comma) && !cursor.is_done() {
                return Err(cursor.syntax_error());
            }
        }
        Ok(declared)
    }

    /// Runs a text one level deeper, with variables of its own.
    fn nested(&mut self, text: &str, params: &mut [Param]) -> Outcome<Flow> {
        let nesting = self.frame.nesting + 1;
        if nesting > DEEPEST {
            return Err(SqlError::new(
                217,
                16,
                1,
                "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).",
            )
            .into());
        }
        let before = self.session.transaction.as_ref().map_or(0, |t| t.depth);
        let options = self.session.options.clone();
        let mut frame = Frame::with(params, nesting);
        frame.in_try = self.frame.in_try;
        let mut inner = Run { session: self.session, frame: &mut frame, sink: self.sink };
        let flow = inner.text(text);
        inner.drop_tables()?;
        // What a text sets holds until its end (Microsoft docs, "SET statements", Remarks).
        self.session.options = options;
        let flow = flow?;
        frame.give_back(params);
        let after = self.session.transaction.as_ref().map_or(0, |t| t.depth);
        if before != after && !matches!(flow, Flow::Ended) {
            let error = SqlError::new(
                266,
                16,
                2,
                format!(
                    "Transaction count after EXECUTE indicates a mismatching number of BEGIN and COMMIT statements. \
                     Previous count = {before}, current count = {after}."
                ),
            );
            self.session.last.error = error.number;
            self.sink.message(&error)?;
            self.sink.done(Done { command: COMMAND, count: None, error: true })?;
        }
        // RETURN ends the inner text only; an error that ended it ends what is around it.
        Ok(match flow {
            Flow::Return(_) | Flow::Next => Flow::Next,
            other => other,
        })
    }
}

/// The database in `database.schema.procedure`.
fn named_database(name: &str) -> Option<String> {
    let source = SourceText::new(name).ok()?;
    source.cursor().expect_object_name().ok()?.database
}

fn status(flow: &Flow) -> i32 {
    match flow {
        Flow::Return(status) => *status,
        // What sp_executesql returns is the error's number where one ended it: not known here, so not 0.
        Flow::Ended => 1,
        _ => 0,
    }
}

/// # Errors
/// 214 for what is no Unicode text.
fn wide_text(param: &Param) -> Result<String, Failure> {
    match (&param.sql_type, &param.value) {
        (SqlType::NVarChar(..) | SqlType::NChar(..) | SqlType::NText(_), Value::Bytes(bytes)) => {
            Ok(replica_core::tds::wire::from_utf16le(bytes))
        }
        (_, Value::Null) => Ok(String::new()),
        _ => Err(SqlError::new(
            214,
            16,
            2,
            "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.",
        )
        .into()),
    }
}
