//! Lock modes and how they go together.

/// A lock mode. The names are those of `sys.dm_tran_locks.request_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockMode {
    /// Schema stability: a statement that compiles or reads uncommitted.
    SchS,
    IS,
    S,
    U,
    IX,
    SIX,
    X,
    /// Bulk update: bulk loads with TABLOCK into a heap share it.
    BU,
    /// Schema modification.
    SchM,
}

/// From the most permissive to the most exclusive.
const ALL: [LockMode; 9] = [
    LockMode::SchS,
    LockMode::IS,
    LockMode::S,
    LockMode::U,
    LockMode::IX,
    LockMode::SIX,
    LockMode::X,
    LockMode::BU,
    LockMode::SchM,
];

impl LockMode {
    pub fn name(self) -> &'static str {
        match self {
            LockMode::SchS => "Sch-S",
            LockMode::IS => "IS",
            LockMode::S => "S",
            LockMode::U => "U",
            LockMode::IX => "IX",
            LockMode::SIX => "SIX",
            LockMode::X => "X",
            LockMode::BU => "BU",
            LockMode::SchM => "Sch-M",
        }
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The modes that others may hold beside this one: Microsoft's lock compatibility matrix
    /// (Transaction locking and row versioning guide, "Lock compatibility").
    fn compatible_set(self) -> u16 {
        let beside: &[LockMode] = match self {
            LockMode::SchS => &ALL[..8],
            LockMode::IS => {
                &[LockMode::SchS, LockMode::IS, LockMode::S, LockMode::U, LockMode::IX, LockMode::SIX]
            }
            LockMode::S => &[LockMode::SchS, LockMode::IS, LockMode::S, LockMode::U],
            LockMode::U => &[LockMode::SchS, LockMode::IS, LockMode::S],
            LockMode::IX => &[LockMode::SchS, LockMode::IS, LockMode::IX],
            LockMode::SIX => &[LockMode::SchS, LockMode::IS],
            LockMode::X => &[LockMode::SchS],
            LockMode::BU => &[LockMode::SchS, LockMode::BU],
            LockMode::SchM => &[],
        };
        beside.iter().fold(0, |set, mode| set | mode.bit())
    }

    pub fn compatible(self, other: LockMode) -> bool {
        self.compatible_set() & other.bit() != 0
    }

    /// What a session holds that holds both: the most permissive mode that lets in no one whom either keeps
    /// out. U with IX is SIX here where SQL Server says UIX; the two keep out the same modes.
    pub fn join(self, other: LockMode) -> LockMode {
        let allowed = self.compatible_set() & other.compatible_set();
        ALL.into_iter()
            .filter(|mode| mode.compatible_set() & !allowed == 0)
            .max_by_key(|mode| mode.compatible_set().count_ones())
            .unwrap_or(LockMode::SchM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_symmetric() {
        for a in ALL {
            for b in ALL {
                assert_eq!(a.compatible(b), b.compatible(a), "{a:?} {b:?}");
            }
        }
    }

    /// Rows and columns in the order of Microsoft's table; `y` where the requested mode is granted.
    #[test]
    fn the_matrix_is_microsofts() {
        use LockMode::*;
        let order = [SchS, SchM, S, U, X, IS, IX, SIX, BU];
        let rows = [
            "ynyyyyyyy",
            "nnnnnnnnn",
            "ynyynynnn",
            "ynynnynnn",
            "ynnnnnnnn",
            "ynyynyyyn",
            "ynnnnyynn",
            "ynnnnynnn",
            "ynnnnnnny",
        ];
        for (requested, row) in order.into_iter().zip(rows) {
            for (held, granted) in order.into_iter().zip(row.bytes()) {
                assert_eq!(requested.compatible(held), granted == b'y', "{requested:?} beside {held:?}");
            }
        }
    }

    #[test]
    fn joins_are_the_documented_conversions() {
        use LockMode::*;
        for (a, b, joined) in [
            (S, IX, SIX),
            (S, U, U),
            (S, X, X),
            (IS, IX, IX),
            (IS, S, S),
            (IX, SIX, SIX),
            (U, IX, SIX),
            (IX, BU, X),
            (SchS, BU, BU),
            (X, SchM, SchM),
        ] {
            assert_eq!(a.join(b), joined, "{a:?} + {b:?}");
            assert_eq!(b.join(a), joined, "{b:?} + {a:?}");
        }
        for mode in ALL {
            assert_eq!(mode.join(mode), mode);
        }
    }
}
