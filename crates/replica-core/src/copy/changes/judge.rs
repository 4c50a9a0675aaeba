//! Does a version on record still hold? Pure.
use std::fmt;

use super::source::{CREATED, SourceFacts, SourceNow, TableNow};
use crate::ledger::{Method, RecordedVersion, TableVersion};

/// Why a table's changes cannot be had from its version on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reset {
    /// There is none.
    First,
    TargetMadeAgain,
    SourceMadeAgain,
    OtherSource {
        was: String,
    },
    OtherColumns,
    OtherMethod {
        was: Method,
    },
    /// Another recovery fork.
    Restored,
    /// Another database of that name, as far as can be seen.
    CreatedAnew,
    /// The source's version is behind.
    WentBack {
        version: i64,
        now: i64,
    },
    /// Changes up to a version are no longer there.
    CleanedUp {
        version: i64,
        min_valid: i64,
    },
    TrackedAnew {
        since: i64,
    },
    /// The version that was applied is the one since which the source tracks changes.
    MayBeTruncated,
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => write!(f, "no version of it is on record"),
            Self::TargetMadeAgain => write!(f, "the target's table was dropped and made again"),
            Self::SourceMadeAgain => write!(f, "the source's table was dropped and made again"),
            Self::OtherSource { was } => write!(f, "the version on record is of another source, {was}"),
            Self::OtherColumns => {
                write!(f, "other columns, conversions or rows (a condition or an expression) than before")
            }
            Self::OtherMethod { was } => write!(f, "the version on record is of the method {}", was.name()),
            Self::Restored => {
                write!(
                    f,
                    "the source's database was restored, or has failed over: its versions may have other content"
                )
            }
            Self::CreatedAnew => write!(
                f,
                "the source's database was created or renamed since: it may be a restored one, whose versions have other content"
            ),
            Self::WentBack { version, now } => write!(
                f,
                "the source is at version {now}, and {version} was applied: its database was restored, or has lost transactions"
            ),
            Self::CleanedUp { version, min_valid } => write!(
                f,
                "changes after version {version} are gone at the source, which has them from {min_valid} on: the retention \
                 passed, or the table was truncated"
            ),
            Self::TrackedAnew { since } => write!(
                f,
                "the source tracks its changes anew, from version {since} on: tracking was off, or the table was truncated"
            ),
            Self::MayBeTruncated => write!(
                f,
                "the version on record is the one since which the source tracks changes: nothing shows whether the table was \
                 truncated, or tracking off, since"
            ),
        }
    }
}

/// What can be known without looking at either table: `Ok` where the version holds as far as the source's answer tells.
pub(super) fn judge(
    recorded: Option<&RecordedVersion>,
    source: (&SourceFacts, &str),
    now: &SourceNow,
    table: &TableNow,
    source_id: i64,
) -> Result<(), Reset> {
    let Some(RecordedVersion { version: known, object_id_now, .. }) = recorded else {
        return Err(Reset::First);
    };
    let (facts, name) = source;
    if *object_id_now != Some(known.object_id) {
        return Err(Reset::TargetMadeAgain);
    }
    let place = source_of(facts, name);
    if known.source != place {
        return Err(Reset::OtherSource { was: known.source.clone() });
    }
    if known.source_id != source_id {
        return Err(Reset::SourceMadeAgain);
    }
    if let (Some(was), Some(is)) = (&known.fork, &facts.fork)
        && was != is
    {
        match [was, is].map(|fork| fork.starts_with(CREATED)) {
            [false, false] => return Err(Reset::Restored),
            [true, true] => return Err(Reset::CreatedAnew),
            // The login sees the one now, and saw the other before.
            _ => {}
        }
    }
    let current = match known.method {
        Method::ChangeTracking => now.version,
        Method::RowVersion => now.active,
    };
    if let Some(now) = current.filter(|now| *now < known.version) {
        return Err(Reset::WentBack { version: known.version, now });
    }
    if known.method == Method::RowVersion {
        return Ok(());
    }
    if let (Some(was), Some(since)) = (known.tracked_since, table.since)
        && was != since
    {
        return Err(Reset::TrackedAnew { since });
    }
    // TRUNCATE, and tracking that is switched off and on, make the current version the first that is tracked, and make no
    // version of their own: if that was the first before, no version tells of it. The number of rows and the time of the
    // last ALTER do, as long as nothing else has changed (docs/CHANGES.md).
    let is_other = table.rows != known.source_rows || table.modified != known.source_modified;
    if may_be_truncated(known) && is_other {
        return Err(Reset::MayBeTruncated);
    }
    match table.min_valid {
        // Valid is what is not below it (Microsoft docs, "CHANGE_TRACKING_MIN_VALID_VERSION").
        Some(min_valid) if min_valid > known.version => {
            Err(Reset::CleanedUp { version: known.version, min_valid })
        }
        _ => Ok(()),
    }
}

/// Would a TRUNCATE that came next leave no trace in the source's versions?
pub(super) fn may_be_truncated(known: &TableVersion) -> bool {
    known.method == Method::ChangeTracking && known.tracked_since == Some(known.version)
}

/// As the ledger has it: server or group, database, table.
pub(super) fn source_of(facts: &SourceFacts, table: &str) -> String {
    format!("{}/{table}", facts.place).chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Instant;

    use super::*;
    use crate::catalog::TableName;

    fn recorded() -> RecordedVersion {
        RecordedVersion {
            version: TableVersion {
                table: TableName::new("dbo", "t"),
                object_id: 5,
                fingerprint: "f".into(),
                source: "s/d/dbo.t".into(),
                source_id: 7,
                source_modified: "m".into(),
                fork: Some("one".into()),
                method: Method::ChangeTracking,
                tracked_since: Some(3),
                source_rows: None,
                version: 10,
                as_of: "2024-01-01T00:00:00.000".into(),
                deletes_as_of: None,
            },
            object_id_now: Some(5),
            by: String::new(),
        }
    }

    fn judged(
        change: impl FnOnce(&mut RecordedVersion, &mut SourceFacts, &mut SourceNow, &mut TableNow),
    ) -> Result<(), Reset> {
        let mut known = recorded();
        let mut facts = SourceFacts { place: "s/d".into(), fork: Some("one".into()), allows_snapshot: true };
        let mut now = SourceNow {
            version: Some(12),
            active: Some(12),
            is_active_latest: true,
            at: String::new(),
            asked: Instant::now(),
            tables: HashMap::new(),
        };
        let mut table = TableNow {
            modified: "m".into(),
            tracked: true,
            since: Some(3),
            rows: Some(100),
            min_valid: Some(10),
        };
        change(&mut known, &mut facts, &mut now, &mut table);
        judge(Some(&known), (&facts, "dbo.t"), &now, &table, 7)
    }

    #[test]
    fn a_version_holds_down_to_the_least_valid_one() {
        assert_eq!(judged(|_, _, _, _| {}), Ok(()));
        assert_eq!(judged(|_, _, now, _| now.version = Some(10)), Ok(()));
        assert_eq!(
            judged(|_, _, _, table| table.min_valid = Some(11)),
            Err(Reset::CleanedUp { version: 10, min_valid: 11 })
        );
        let zero = |known: &mut RecordedVersion, table: &mut TableNow| {
            known.version.version = 0;
            known.version.tracked_since = Some(0);
            known.version.source_rows = Some(100);
            table.since = Some(0);
            table.min_valid = Some(0);
        };
        assert_eq!(judged(|known, _, _, table| zero(known, table)), Ok(()), "0 is a version");
    }

    #[test]
    fn every_break_is_noticed() {
        assert_eq!(judged(|known, _, _, _| known.object_id_now = Some(6)), Err(Reset::TargetMadeAgain));
        assert_eq!(judged(|known, _, _, _| known.object_id_now = None), Err(Reset::TargetMadeAgain));
        assert_eq!(judged(|known, _, _, _| known.version.source_id = 8), Err(Reset::SourceMadeAgain));
        assert_eq!(
            judged(|_, facts, _, _| facts.place = "s2/d".into()),
            Err(Reset::OtherSource { was: "s/d/dbo.t".into() })
        );
        assert_eq!(judged(|_, facts, _, _| facts.fork = Some("two".into())), Err(Reset::Restored));
        assert_eq!(judged(|_, facts, _, _| facts.fork = None), Ok(()), "unknown is no other one");
        let created = |day: &str| Some(format!("{CREATED}{day}"));
        assert_eq!(
            judged(|_, facts, _, _| facts.fork = created("2024-01-01")),
            Ok(()),
            "a lost permission is no restore"
        );
        assert_eq!(
            judged(|known, facts, _, _| (known.version.fork, facts.fork) =
                (created("2024-01-01"), created("2024-01-02"))),
            Err(Reset::CreatedAnew)
        );
        assert_eq!(
            judged(|_, _, now, _| now.version = Some(9)),
            Err(Reset::WentBack { version: 10, now: 9 })
        );
        assert_eq!(judged(|_, _, _, table| table.since = Some(11)), Err(Reset::TrackedAnew { since: 11 }));
    }

    #[test]
    fn a_truncate_at_the_first_version_shows_in_the_number_of_rows() {
        let first = |known: &mut RecordedVersion, table: &mut TableNow, rows| {
            (known.version.tracked_since, table.since) = (Some(10), Some(10));
            (known.version.source_rows, table.rows) = (Some(100), Some(rows));
        };
        assert_eq!(judged(|known, _, _, table| first(known, table, 100)), Ok(()));
        assert_eq!(judged(|known, _, _, table| first(known, table, 0)), Err(Reset::MayBeTruncated));
    }

    #[test]
    fn rowversions_go_back_after_a_restore() {
        let by_rows = |known: &mut RecordedVersion, now: &mut SourceNow, active| {
            known.version.method = Method::RowVersion;
            now.active = Some(active);
        };
        assert_eq!(judged(|known, _, now, _| by_rows(known, now, 10)), Ok(()));
        assert_eq!(
            judged(|known, _, now, _| by_rows(known, now, 9)),
            Err(Reset::WentBack { version: 10, now: 9 })
        );
    }
}
