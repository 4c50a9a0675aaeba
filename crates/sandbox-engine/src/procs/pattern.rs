//! Name patterns of the catalog procedures.

/// Does a name match a LIKE pattern: `%`, `_`, and `\` or brackets to take them literally? Case is ignored. No
/// pattern matches everything.
pub fn matches(pattern: Option<&str>, name: &str) -> bool {
    let Some(pattern) = pattern else { return true };
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let name: Vec<char> = name.to_lowercase().chars().collect();
    like(&pattern, &name)
}

fn like(pattern: &[char], name: &[char]) -> bool {
    // After a % the longest match is tried by going back to it, once a character: no recursion to run away.
    let (mut p, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match (one(&pattern[p..]), name.get(n)) {
            (Some((One::Any, width)), _) => {
                back = Some((p + width, n));
                p += width;
                continue;
            }
            (Some((One::Single, width)), Some(_)) => {
                (p, n) = (p + width, n + 1);
                continue;
            }
            (Some((One::Literal(want), width)), Some(have)) if want == *have => {
                (p, n) = (p + width, n + 1);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        match back {
            Some((after, from)) if from < name.len() => {
                back = Some((after, from + 1));
                (p, n) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

enum One {
    Any,
    Single,
    Literal(char),
}

/// The pattern's next element and how many characters it takes.
fn one(pattern: &[char]) -> Option<(One, usize)> {
    Some(match pattern {
        ['%', ..] => (One::Any, 1),
        ['_', ..] => (One::Single, 1),
        ['\\', c @ ('%' | '_' | '\\' | '['), ..] => (One::Literal(*c), 2),
        ['[', c, ']', ..] => (One::Literal(*c), 3),
        [c, ..] => (One::Literal(*c), 1),
        [] => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_like_does() {
        for (pattern, name, is) in [
            ("%", "anything", true),
            ("APP\\_4%", "app_4_sales", true),
            ("app[_]4%", "appx4", false),
            ("a_c", "abc", true),
            ("a_c", "ac", false),
            ("%a%b%", "xxaxxbxx", true),
            ("%a%b", "xxaxxbxx", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(Some(pattern), name), is, "{pattern} {name}");
        }
        assert!(matches(None, "x"));
    }
}
