//! Everything that becomes text.
use super::{
    BINARY, Conversion, MappingRefusal, MappingResult, Problem, SHOWN, ValueCheck, ValueMeasure, cast, number,
};
use crate::catalog::column::Collation;
use crate::catalog::{Column, Length, SqlType, quote};

/// What nchar and nvarchar count: a supplementary character is two of them.
const UNITS: &str = "UTF-16 units";
/// The widest nvarchar that is not (max), in UTF-16 units.
const WIDEST_UNICODE: u16 = 4000;
/// UTF-8 as a code page number (Microsoft docs, "Code Page Identifiers").
const UTF_8: u32 = 65001;

/// What matters of a character type. Lengths are bytes, or UTF-16 units where `unicode`; `None` is (max).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    unicode: bool,
    /// Padded with blanks to its length.
    fixed: bool,
    length: Option<u16>,
    /// text or ntext.
    lob: bool,
}

impl Shape {
    fn of(sql_type: &SqlType) -> Option<Self> {
        let (unicode, fixed, length, lob) = match sql_type {
            SqlType::Char(n) => (false, true, Some(*n), false),
            SqlType::NChar(n) => (true, true, Some(*n), false),
            SqlType::VarChar(Length::N(n)) => (false, false, Some(*n), false),
            SqlType::NVarChar(Length::N(n)) => (true, false, Some(*n), false),
            SqlType::VarChar(Length::Max) => (false, false, None, false),
            SqlType::NVarChar(Length::Max) => (true, false, None, false),
            SqlType::Text => (false, false, None, true),
            SqlType::NText => (true, false, None, true),
            _ => return None,
        };
        Some(Self { unicode, fixed, length, lob })
    }

    fn sql_type(self) -> SqlType {
        let length = self.length.map_or(Length::Max, Length::N);
        match (self.lob, self.unicode, self.fixed, length) {
            (true, true, _, _) => SqlType::NText,
            (true, false, _, _) => SqlType::Text,
            (_, true, true, Length::N(n)) => SqlType::NChar(n),
            (_, false, true, Length::N(n)) => SqlType::Char(n),
            (_, true, _, length) => SqlType::NVarChar(length),
            (_, false, _, length) => SqlType::VarChar(length),
        }
    }

    /// The varying type of this encoding that holds `length`, or (max) where none does
    /// (Microsoft docs: varchar(8000) and nvarchar(4000) are the widest).
    fn varying(unicode: bool, length: Option<u32>) -> Self {
        let widest = if unicode { u32::from(WIDEST_UNICODE) } else { 8000 };
        let length = length.filter(|n| *n <= widest).and_then(|n| u16::try_from(n).ok());
        Self { unicode, fixed: false, length, lob: false }
    }
}

pub(super) fn convert(source: &Column, target: &Column) -> MappingResult {
    let to = Shape::of(&target.sql_type)?;
    match Shape::of(&source.sql_type) {
        Some(from) => Some(Ok(strings(source, target, from, to))),
        None => other(source, target, to),
    }
}

/// The expression as it grows, and what it yields so far.
#[derive(Clone)]
struct Draft {
    expression: String,
    shape: Shape,
}

impl Draft {
    fn cast(&mut self, shape: Shape) {
        self.expression = cast(&self.expression, &shape.sql_type());
        self.shape = shape;
    }

    fn collate(&mut self, collation: &Collation) {
        self.expression = format!("{} COLLATE {}", self.expression, collation.name);
    }

    fn trim(&mut self) {
        self.shape.fixed = false;
        self.expression = trimmed(&self.expression, self.shape);
    }
}

/// Without trailing blanks, in a type of the length that it had: RTRIM alone gives "varchar or nvarchar" (Microsoft docs,
/// "RTRIM"), which is as long as its argument in SQL Server and (max) in Babelfish (`sys.RTRIM`), where the bytes of a
/// row would differ. CAST keeps the collation (Microsoft docs, "Collation precedence").
fn trimmed(expression: &str, shape: Shape) -> String {
    cast(&format!("RTRIM({expression})"), &shape.sql_type())
}

fn strings(source: &Column, target: &Column, from: Shape, to: Shape) -> Conversion {
    let start = quote(&source.name);
    let mut draft = Draft { expression: start.clone(), shape: from };
    let same_bytes = from.unicode == to.unicode && (from.unicode || same_code_page(source, target));
    if from.lob && !(to.lob && same_bytes) {
        draft.cast(Shape { lob: false, ..from });
    }
    let original = draft.clone();
    let utf8 = !to.unicode && is_utf8(target);
    let question_marks = !same_bytes && encode(&mut draft, target, to);
    let mut stored = draft.clone();
    if utf8 && !same_bytes {
        // The target does what is left: it takes UTF-16. So the row that is sent, and hashed, has what UTF-8 cannot hold,
        // and a source without UTF-8, before SQL Server 2019, need not know the collation.
        draft = original.clone();
        let units = Shape::varying(true, draft.shape.length.map(u32::from));
        if draft.shape != units {
            draft.cast(units);
        }
    }
    // UTF-8 comes as UTF-16, for which as many units as there are bytes may be too many: then as (max), from both sides.
    let too_wide = |shape: Shape| shape.length.is_none_or(|n| !shape.unicode && n > WIDEST_UNICODE);
    if utf8 && draft.shape.length.is_some() && (too_wide(draft.shape) || too_wide(to)) {
        draft.cast(Shape::varying(draft.shape.unicode, None));
    }
    let wide = |shape: Shape| to.length.is_some_and(|m| shape.length.is_none_or(|n| n > m));
    let mut verify = quote(&target.name);
    let (mut is_trimmed, mut blanks_lost) = (false, false);
    let limited = wide(stored.shape);
    // Longer than the target: the server refuses what does not fit. (A UTF-8 column pads in bytes, a result
    // in characters, so that padding is compared on neither side.)
    if to.fixed && (limited || utf8) {
        draft.trim();
        stored.trim();
        is_trimmed = true;
        verify = trimmed(&verify, Shape { fixed: false, length: draft.shape.length.and(to.length), ..to });
    } else if to.fixed && draft.shape != to {
        draft.cast(to);
    } else if draft.shape.fixed && limited {
        draft.trim();
        stored.trim();
        is_trimmed = true;
        blanks_lost = true;
    } else if to.length.is_none() && !utf8 && draft.shape != to {
        draft.cast(to);
    }
    if draft.shape.length.is_none() && to.length.is_some() && !is_trimmed {
        verify = cast(&verify, &draft.shape.sql_type());
    }
    let unit = if to.unicode { UNITS } else { "bytes" };
    let size = to.length.unwrap_or_default();
    let mut conversion = Conversion::pass(source, target);
    if draft.expression != start {
        conversion = conversion.through(draft.expression.clone(), draft.shape.sql_type());
    }
    conversion.verify = verify;
    if utf8 {
        // The wire carries UTF-8 columns as UTF-16 to clients that have not negotiated otherwise.
        conversion.sent =
            Shape { unicode: true, ..Shape::varying(true, draft.shape.length.map(u32::from)) }.sql_type();
    } else if !to.unicode {
        conversion.collation = target.collation.as_ref().map(|collation| collation.name.clone());
    }
    let halves = utf8 && from.unicode;
    let measured = if utf8 { stored.expression.clone() } else { draft.expression };
    let conversion = conversion
        .loss(question_marks, format!("characters that {} lacks become ?", page_name(target)))
        .loss(halves, "half of a surrogate pair becomes U+FFFD, which --verify hash refuses")
        .loss(blanks_lost, "trailing blanks")
        .loss(
            utf8 && limited && !same_bytes,
            format!("a value of more than {size} bytes in UTF-8 may be cut: use --verify hash"),
        )
        .limit(limited, format!("values of more than {size} {unit}"))
        .check(question_marks, || {
            characters_lost(Problem::CharactersLost, &original, stored.clone(), page_name(target))
        })
        .check(halves, || characters_lost(Problem::HalvesLost, &original, stored, page_name(target)));
    if limited { conversion.too_long(&measured, to, !from.fixed, is_trimmed) } else { conversion }
}

/// What does not come back from the target's code page as it was. Trailing blanks do not count, in no comparison.
fn characters_lost(problem: Problem, original: &Draft, mut encoded: Draft, page: String) -> ValueCheck {
    let mut original = original.clone();
    for draft in [&mut original, &mut encoded] {
        if !draft.shape.unicode {
            draft.cast(Shape::varying(true, draft.shape.length.map(u32::from)));
        }
    }
    let predicate = format!("{} {BINARY} <> {} {BINARY}", encoded.expression, original.expression);
    let measure = ValueMeasure::Text(format!("LEFT({}, {SHOWN})", original.expression));
    ValueCheck { problem, predicate, measure, capacity: page }
}

impl Conversion {
    /// The checks of text that may be too long, as `value` stores it. The target cuts trailing blanks without a word,
    /// whatever their number (docs/SERVER.md, "Text in bulk loads"); those of a char or nchar are padding, and no loss.
    fn too_long(self, value: &str, to: Shape, blanks_count: bool, is_trimmed: bool) -> Self {
        let (unit, unit_bytes) = if to.unicode { (UNITS, 2) } else { ("bytes", 1) };
        let size = u32::from(to.length.unwrap_or_default());
        let trimmed = if is_trimmed { value.to_owned() } else { format!("RTRIM({value})") };
        let bytes = size * unit_bytes;
        let check = |problem, predicate| {
            let measured = if blanks_count { value } else { &trimmed };
            let expression = match unit_bytes {
                1 => format!("DATALENGTH({measured})"),
                _ => format!("DATALENGTH({measured}) / {unit_bytes}"),
            };
            let measure = ValueMeasure::Length { expression, unit };
            ValueCheck { problem, predicate, measure, capacity: format!("{size} {unit}") }
        };
        let longer = format!("DATALENGTH({trimmed}) > {bytes}");
        let blanks = format!("DATALENGTH({value}) > {bytes} AND DATALENGTH({trimmed}) <= {bytes}");
        self.check(true, || check(Problem::TooLong, longer))
            .check(blanks_count && !to.fixed, || check(Problem::BlanksCut, blanks))
    }
}

/// Brings the text into the target's encoding; true where characters can be missing from it.
fn encode(draft: &mut Draft, target: &Column, to: Shape) -> bool {
    let length = draft.shape.length.map(u32::from);
    let Some(collation) = target.collation.as_ref().filter(|_| !to.unicode) else {
        draft.cast(Shape::varying(to.unicode, length));
        return false;
    };
    let widened = length.map(|n| n * bytes_a_unit(collation.code_page));
    let widened = Shape::varying(false, widened);
    if draft.shape.unicode {
        // COLLATE first: CAST alone would go through the code page of the database.
        draft.collate(collation);
        draft.cast(widened);
    } else {
        // Wide enough first: COLLATE keeps the width, and would cut what grows.
        if widened.length != draft.shape.length {
            draft.cast(widened);
        }
        draft.collate(collation);
    }
    !is_utf8(target)
}

fn is_utf8(column: &Column) -> bool {
    column.collation.as_ref().and_then(|collation| collation.code_page) == Some(UTF_8)
}

fn same_code_page(left: &Column, right: &Column) -> bool {
    match (&left.collation, &right.collation) {
        (Some(l), Some(r)) => {
            l.name.eq_ignore_ascii_case(&r.name) || (l.code_page.is_some() && l.code_page == r.code_page)
        }
        _ => false,
    }
}

/// The most bytes that one UTF-16 unit, or one byte of another page, takes. An unknown page counts as UTF-8.
fn bytes_a_unit(code_page: Option<u32>) -> u32 {
    match code_page {
        Some(932 | 936 | 949 | 950) => 2,
        Some(UTF_8) | None => 3,
        Some(_) => 1,
    }
}

fn page_name(column: &Column) -> String {
    let collation = column.collation.as_ref();
    match collation.and_then(|collation| collation.code_page) {
        Some(UTF_8) => "UTF-8".into(),
        Some(page) => format!("code page {page}"),
        None => collation.map_or_else(|| "the target's code page".into(), |c| c.name.clone()),
    }
}

/// Numbers, GUIDs, XML and JSON as text.
fn other(source: &Column, target: &Column, to: Shape) -> MappingResult {
    if to.lob {
        return None;
    }
    let start = quote(&source.name);
    let unbounded = SqlType::NVarChar(Length::Max);
    if matches!(source.sql_type, SqlType::Xml | SqlType::Json) && to.unicode && !to.fixed {
        let mut conversion =
            Conversion::pass(source, target).through(cast(&start, &unbounded), unbounded.clone());
        if let Some(size) = to.length {
            conversion.verify = cast(&conversion.verify, &unbounded);
            let sent = conversion.expression.clone();
            conversion = conversion
                .limit(true, format!("values of more than {size} {UNITS}"))
                .too_long(&sent, to, true, false);
        }
        return Some(Ok(conversion));
    }
    let (width, mut expression) = match source.sql_type {
        SqlType::UniqueIdentifier => (36, cast(&start, &target.sql_type)),
        _ => number::printed(&start, &source.sql_type, &target.sql_type)?,
    };
    if to.length.is_some_and(|length| length < width) {
        return Some(Err(MappingRefusal::new(
            format!("{} as text takes {width} characters", source.sql_type),
            format!("Make the target column {} or at least {width} wide", source.sql_type),
        )));
    }
    let collation = target.collation.as_ref().filter(|_| !to.unicode);
    if let Some(collation) = collation {
        expression = format!("{expression} COLLATE {}", collation.name);
    }
    let mut conversion = Conversion::pass(source, target).through(expression, target.sql_type.clone());
    conversion.collation = collation.map(|collation| collation.name.clone());
    if !to.unicode && is_utf8(target) {
        conversion.sent = Shape::varying(true, to.length.map(u32::from)).sql_type();
        conversion.collation = None;
    }
    Some(Ok(conversion))
}

#[cfg(test)]
mod tests;
