//! Decimal arithmetic: result types by Microsoft's "Precision, scale, and length", and the operations.
use super::errors;
use crate::error::SqlError;
use crate::types::SqlType;

/// The decimal that holds every value of an exact type: int is decimal(10,0), money decimal(19,4) (Microsoft,
/// "Precision, scale, and length").
pub fn decimal_shape(sql_type: &SqlType) -> Option<(u8, u8)> {
    match *sql_type {
        SqlType::Bit => Some((1, 0)),
        SqlType::TinyInt => Some((3, 0)),
        SqlType::SmallInt => Some((5, 0)),
        SqlType::Int => Some((10, 0)),
        SqlType::BigInt => Some((19, 0)),
        SqlType::SmallMoney => Some((10, 4)),
        SqlType::Money => Some((19, 4)),
        SqlType::Decimal { precision, scale, .. } => Some((precision, scale)),
        _ => None,
    }
}

/// An arithmetic operator on decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// 10 to the power of a scale or precision (38 at most).
pub(super) fn power(scale: u8) -> i128 {
    10i128.pow(scale.min(38).into())
}

/// An unscaled value in another scale, rounded half away from zero. `None` beyond 128 bits.
pub(super) fn rescale(unscaled: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return unscaled.checked_mul(power(to - from));
    }
    let divisor = power(from - to);
    let (quotient, rest) = (unscaled / divisor, unscaled % divisor);
    // rest * 2 may not fit where the divisor is 10^38.
    let away = rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2);
    Some(if away { quotient + unscaled.signum() } else { quotient })
}

/// The type of `left operator right` where both are exact numbers and at least one is decimal. `None` for
/// types without a decimal shape.
pub fn result_type(operator: Operator, left: &SqlType, right: &SqlType) -> Option<SqlType> {
    let ((p1, s1), (p2, s2)) = (decimal_shape(left)?, decimal_shape(right)?);
    let [p1, s1, p2, s2] = [p1, s1, p2, s2].map(i32::from);
    let (precision, scale) = match operator {
        Operator::Add | Operator::Subtract => (s1.max(s2) + (p1 - s1).max(p2 - s2) + 1, s1.max(s2)),
        Operator::Multiply => (p1 + p2 + 1, s1 + s2),
        Operator::Divide => (p1 - s1 + s2 + 6.max(s1 + p2 + 1), 6.max(s1 + p2 + 1)),
        Operator::Modulo => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
    };
    let (precision, scale) = capped(operator, precision, scale);
    Some(SqlType::Decimal { precision: precision as u8, scale: scale as u8, numeric: true })
}

/// Precision stops at 38: the scale gives way to the integral part, but not below 6 in a product or quotient.
fn capped(operator: Operator, precision: i32, scale: i32) -> (i32, i32) {
    if precision <= 38 {
        return (precision.max(1), scale);
    }
    let integral = precision - scale;
    let scale = match operator {
        Operator::Multiply | Operator::Divide if integral < 32 => scale.min(38 - integral),
        Operator::Multiply | Operator::Divide => scale.min(6),
        _ => scale.min((38 - integral).max(0)),
    };
    (38, scale)
}

/// `left operator right`: unscaled values with their scales; the result in `result`'s scale.
///
/// # Errors
/// 8115 where the result does not fit `result`, 8134 for a zero divisor.
pub fn arithmetic(
    operator: Operator,
    (left, left_scale): (i128, u8),
    (right, right_scale): (i128, u8),
    result: &SqlType,
) -> Result<i128, SqlError> {
    let scale = result.scale();
    let value = match operator {
        Operator::Add | Operator::Subtract => {
            let right = if operator == Operator::Subtract { -right } else { right };
            sum((left, left_scale), (right, right_scale), scale)
        }
        Operator::Multiply => multiply(left, right, (left_scale + right_scale, scale)),
        Operator::Divide => {
            if right == 0 {
                return Err(errors::divide_by_zero());
            }
            // left/10^ls / (right/10^rs) * 10^scale
            divide(left, right, i32::from(scale) + i32::from(right_scale) - i32::from(left_scale))
        }
        Operator::Modulo => {
            if right == 0 {
                return Err(errors::divide_by_zero());
            }
            let common = left_scale.max(right_scale);
            match (rescale(left, left_scale, common), rescale(right, right_scale, common)) {
                (Some(left), Some(right)) => {
                    left.checked_rem(right).and_then(|rest| rescale(rest, common, scale))
                }
                _ => None,
            }
        }
    };
    match value {
        Some(value) if value.unsigned_abs() < power(result.precision()) as u128 => Ok(value),
        _ => Err(errors::overflow(result)),
    }
}

fn sum((left, left_scale): (i128, u8), (right, right_scale): (i128, u8), scale: u8) -> Option<i128> {
    let common = left_scale.max(right_scale);
    let exact = rescale(left, left_scale, common)
        .zip(rescale(right, right_scale, common))
        .and_then(|(left, right)| left.checked_add(right));
    match exact {
        Some(exact) => rescale(exact, common, scale),
        // Too many digits at the common scale: round each first.
        None => rescale(left, left_scale, scale)?.checked_add(rescale(right, right_scale, scale)?),
    }
}

fn multiply(left: i128, right: i128, (from_scale, to_scale): (u8, u8)) -> Option<i128> {
    let product = Wide::product(left.unsigned_abs(), right.unsigned_abs());
    let mut product = product;
    let mut drop = from_scale.checked_sub(to_scale)?;
    // Only the last of the divisions rounds.
    while drop > 38 {
        product = product.divided(power(38) as u128).0;
        drop -= 38;
    }
    let magnitude = product.rounded(power(drop) as u128)?;
    signed(magnitude, (left < 0) != (right < 0))
}

fn divide(left: i128, right: i128, shift: i32) -> Option<i128> {
    let negative = (left < 0) != (right < 0);
    let (left, right) = (left.unsigned_abs(), right.unsigned_abs());
    let magnitude = match u8::try_from(shift) {
        Ok(shift) if shift <= 38 => Wide::product(left, power(shift) as u128).truncated(right)?,
        Ok(_) => return None,
        Err(_) => left / power(u8::try_from(-shift).ok()?) as u128 / right,
    };
    signed(magnitude, negative)
}

fn signed(magnitude: u128, negative: bool) -> Option<i128> {
    let magnitude = i128::try_from(magnitude).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

/// 256 bits, for products of two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wide {
    high: u128,
    low: u128,
}

impl Wide {
    fn product(a: u128, b: u128) -> Wide {
        const HALF: u128 = u64::MAX as u128;
        let (a1, a0, b1, b0) = (a >> 64, a & HALF, b >> 64, b & HALF);
        let (low, cross, other, high) = (a0 * b0, a1 * b0, a0 * b1, a1 * b1);
        let middle = (low >> 64) + (cross & HALF) + (other & HALF);
        Wide { high: high + (cross >> 64) + (other >> 64) + (middle >> 64), low: (low & HALF) | middle << 64 }
    }

    /// Quotient and remainder, bit by bit; the divisor is below 2^127 as every decimal is.
    fn divided(self, divisor: u128) -> (Wide, u128) {
        let mut quotient = Wide { high: 0, low: 0 };
        let mut rest = 0u128;
        for bit in (0..256).rev() {
            let next = if bit >= 128 { self.high >> (bit - 128) } else { self.low >> bit } & 1;
            rest = rest << 1 | next;
            if rest >= divisor {
                rest -= divisor;
                match bit {
                    128.. => quotient.high |= 1 << (bit - 128),
                    _ => quotient.low |= 1 << bit,
                }
            }
        }
        (quotient, rest)
    }

    fn truncated(self, divisor: u128) -> Option<u128> {
        let (quotient, _) = self.divided(divisor);
        (quotient.high == 0).then_some(quotient.low)
    }

    fn rounded(self, divisor: u128) -> Option<u128> {
        let (quotient, rest) = self.divided(divisor);
        let away = u128::from(rest >= divisor.div_ceil(2) && divisor > 1);
        if quotient.high == 0 { quotient.low.checked_add(away) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(precision: u8, scale: u8) -> SqlType {
        SqlType::Decimal { precision, scale, numeric: true }
    }

    /// The formulas and the worked rules of Microsoft's "Precision, scale, and length".
    #[test]
    fn result_types_are_the_documented_ones() {
        for (operator, left, right, expected) in [
            (Operator::Add, decimal(10, 2), decimal(8, 4), decimal(13, 4)),
            (Operator::Multiply, decimal(10, 2), decimal(8, 4), decimal(19, 6)),
            (Operator::Divide, decimal(10, 2), decimal(8, 4), decimal(23, 11)),
            (Operator::Modulo, decimal(10, 2), decimal(8, 4), decimal(8, 4)),
            (Operator::Multiply, decimal(38, 20), decimal(38, 20), decimal(38, 6)),
            (Operator::Divide, decimal(38, 10), decimal(38, 10), decimal(38, 6)),
            (Operator::Multiply, decimal(18, 2), SqlType::Int, decimal(29, 2)),
        ] {
            assert_eq!(result_type(operator, &left, &right), Some(expected), "{operator:?} {left} {right}");
        }
        assert_eq!(result_type(Operator::Add, &SqlType::Float, &decimal(5, 0)), None);
    }

    #[test]
    fn operations_round_products_and_truncate_quotients() {
        let run = |operator, left, right, result: SqlType| arithmetic(operator, left, right, &result);
        assert_eq!(run(Operator::Add, (150, 2), (25, 1), decimal(10, 2)), Ok(400));
        assert_eq!(run(Operator::Subtract, (0, 0), (25, 1), decimal(10, 1)), Ok(-25));
        assert_eq!(run(Operator::Multiply, (15, 1), (-15, 1), decimal(10, 1)), Ok(-23));
        assert_eq!(run(Operator::Divide, (10, 0), (3, 0), decimal(20, 6)), Ok(3_333_333));
        assert_eq!(run(Operator::Divide, (-20, 0), (3, 0), decimal(20, 6)), Ok(-6_666_666));
        assert_eq!(run(Operator::Modulo, (-7, 0), (3, 0), decimal(5, 0)), Ok(-1));
        let large = 10i128.pow(38) - 1;
        assert_eq!(run(Operator::Multiply, (large, 38), (large, 38), decimal(38, 38)), Ok(large - 1));
        assert_eq!(run(Operator::Multiply, (large, 0), (10, 0), decimal(38, 0)).unwrap_err().number, 8115);
        assert_eq!(run(Operator::Divide, (1, 0), (0, 0), decimal(10, 0)).unwrap_err().number, 8134);
    }

    #[test]
    fn rescaling_rounds_half_away_from_zero() {
        assert_eq!(rescale(25, 1, 0), Some(3));
        assert_eq!(rescale(-25, 1, 0), Some(-3));
        assert_eq!(rescale(24, 1, 0), Some(2));
        assert_eq!(rescale(5 * 10i128.pow(37), 38, 0), Some(1));
        assert_eq!(rescale(10i128.pow(37), 0, 2), None);
    }
}
