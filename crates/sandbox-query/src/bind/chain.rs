//! Chains of operators: trees as deep as they are long for the parser, which are walked here without recursion and
//! handed to SQLite, whose trees may not be so deep, as flat as can be.
use super::Binder;
use super::refused::near;
use super::scope::Scope;
use super::typed::Typed;
use sandbox_sql::tokens::too_deep;
use sandbox_values::error::SqlError;
use sqlparser::ast::{BinaryOperator, Expr};

/// SQLite's own limit is 1,000, and a conversion between two operators is a level of its own.
const LONGEST_NESTED: usize = 400;

impl Binder<'_> {
    /// `a AND b AND c`, `a OR b OR c`.
    pub(super) fn conjunction(
        &self,
        expr: &Expr,
        op: &BinaryOperator,
        scope: &Scope<'_>,
    ) -> Result<String, SqlError> {
        let mut parts = Vec::new();
        let mut first = expr;
        while let Expr::BinaryOp { left, op: same, right } = first
            && same == op
        {
            parts.push(&**right);
            first = left;
        }
        parts.push(first);
        let parts = parts.into_iter().rev().map(|part| self.predicate(part, scope));
        Ok(balanced(&parts.collect::<Result<Vec<_>, _>>()?, &op.to_string()))
    }

    /// `a + b - c`: from left to right.
    pub(super) fn operations(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, SqlError> {
        let mut parts = Vec::new();
        let mut first = expr;
        while let Expr::BinaryOp { left, op, right } = first {
            parts.push((symbol(op).ok_or_else(|| near(&op.to_string()))?, &**right));
            first = left;
        }
        let first = self.scalar(first, scope)?;
        let rest = parts.into_iter().rev().map(|(symbol, part)| Ok((symbol, self.scalar(part, scope)?)));
        let rest = rest.collect::<Result<Vec<_>, SqlError>>()?;
        if rest.len() <= LONGEST_NESTED {
            return rest
                .into_iter()
                .try_fold(first, |left, (symbol, right)| self.arithmetic(symbol, left, right));
        }
        let joins = |(symbol, part): &(char, Typed)| *symbol == '+' && part.sql_type.is_character();
        if first.sql_type.is_character() && rest.iter().all(joins) {
            return self
                .joined_text(std::iter::once(first).chain(rest.into_iter().map(|(_, part)| part)).collect());
        }
        Err(too_deep())
    }

    /// Text joined: how it is bracketed makes no difference to it.
    fn joined_text(&self, mut parts: Vec<Typed>) -> Result<Typed, SqlError> {
        let last = parts.split_off(parts.len() / 2);
        match parts.len() {
            0 => last.into_iter().next().ok_or_else(too_deep),
            _ => self.arithmetic('+', self.joined_text(parts)?, self.joined_text(last)?),
        }
    }
}

/// Conditions joined by an operator, as a tree of the least depth. They are tried in their order all the same.
pub fn balanced(parts: &[String], op: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        _ => {
            let (first, last) = parts.split_at(parts.len() / 2);
            format!("({} {op} {})", balanced(first, op), balanced(last, op))
        }
    }
}

fn symbol(op: &BinaryOperator) -> Option<char> {
    Some(match op {
        BinaryOperator::Plus => '+',
        BinaryOperator::Minus => '-',
        BinaryOperator::Multiply => '*',
        BinaryOperator::Divide => '/',
        BinaryOperator::Modulo => '%',
        BinaryOperator::BitwiseAnd => '&',
        BinaryOperator::BitwiseOr => '|',
        BinaryOperator::BitwiseXor => '^',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_as_flat_as_can_be_and_keeps_the_order() {
        let parts: Vec<String> = (1..=5).map(|n| n.to_string()).collect();
        assert_eq!(balanced(&parts, "OR"), "((1 OR 2) OR (3 OR (4 OR 5)))");
        assert_eq!(balanced(&parts[..1], "OR"), "1");
    }
}
