//! Which day a run is for, and whose day that is.
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use replica_core::error::{Error, Result};
use time::{Date, Month};

/// `--t0`, `--t1`, `--as-of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Today,
    Yesterday,
    On(Date),
}

impl Asked {
    /// All names.
    pub const KINDS: [&str; 3] = ["t0", "t1", "as-of"];

    /// As the record and the metrics name the kind of run.
    pub fn name(self) -> &'static str {
        match self {
            Self::Today => "t0",
            Self::Yesterday => "t1",
            Self::On(_) => "as-of",
        }
    }

    /// Are changes carried over, where tables are listed for it? They are of no other day.
    pub fn carries_changes(self) -> bool {
        self == Self::Today
    }

    /// The day itself; `zone` says when a day begins.
    ///
    /// # Errors
    /// Of kind `Usage`: there is no such zone.
    pub fn day(self, zone: Option<&str>) -> Result<Date> {
        // A slip in the file shows whichever day is asked for.
        let zone = zone.map(named).transpose()?;
        match self {
            Self::On(day) => Ok(day),
            Self::Today => today(zone),
            Self::Yesterday => {
                today(zone)?.previous_day().ok_or_else(|| Error::usage("no day comes before today"))
            }
        }
    }
}

fn named(zone: &str) -> Result<TimeZone> {
    TimeZone::get(zone).map_err(|error| {
        Error::usage(format!("time_zone = {zone:?} in [etl]: {error}"))
            .remedy("Write it as Europe/Berlin; the names are those of the system's tzdata")
    })
}

fn today(zone: Option<TimeZone>) -> Result<Date> {
    let zone = zone.map_or_else(system, Ok)?;
    date(Timestamp::now().to_zoned_datetime(zone))
}

/// The machine's zone: `TZ`, else /etc/localtime, else UTC (localtime(5)).
fn system() -> Result<TimeZone> {
    match TimeZone::try_system() {
        Ok(zone) => Ok(zone),
        Err(_) if std::env::var_os("TZ").is_none() && !std::path::Path::new("/etc/localtime").exists() => {
            Ok(TimeZone::UTC)
        }
        Err(error) => Err(Error::usage(format!("the machine's time zone is unknown: {error}"))
            .remedy("Set TZ, or time_zone in [etl] of replica.toml")),
    }
}

fn date(now: ZonedDateTime) -> Result<Date> {
    let beyond = |_| Error::usage(format!("the clock says {now}"));
    let month = u8::try_from(now.month()).ok().and_then(|month| Month::try_from(month).ok());
    let (month, day) = month.zip(u8::try_from(now.day()).ok()).ok_or_else(|| beyond(()))?;
    Date::from_calendar_date(now.year().into(), month, day).map_err(|_| beyond(()))
}

#[cfg(test)]
mod tests {
    use time::macros::date as day;

    use super::*;

    #[test]
    fn a_day_is_the_zones() {
        let moment: Timestamp = "2024-02-29T23:30:00Z".parse().unwrap();
        let in_zone = |name: &str| date(moment.to_zoned_datetime(TimeZone::get(name).unwrap())).unwrap();
        assert_eq!(in_zone("UTC"), day!(2024 - 02 - 29));
        assert_eq!(in_zone("Europe/Berlin"), day!(2024 - 03 - 01));
        assert_eq!(in_zone("America/New_York"), day!(2024 - 02 - 29));
    }

    #[test]
    fn yesterday_is_the_day_before_today() {
        // Midnight may fall between two looks at the clock.
        let before = today(None).unwrap();
        let yesterday = Asked::Yesterday.day(None).unwrap();
        let after = today(None).unwrap();
        assert!([before, after].contains(&yesterday.next_day().unwrap()));
        assert_eq!(Asked::On(day!(2024 - 01 - 31)).day(None).unwrap(), day!(2024 - 01 - 31));
    }

    #[test]
    fn an_unknown_zone_is_a_usage_error() {
        for asked in [Asked::Today, Asked::On(day!(2024 - 01 - 31))] {
            let error = asked.day(Some("Mars/Olympus")).unwrap_err();
            assert_eq!(error.exit_code().number(), 2);
            assert!(
                error.to_string().contains("Mars/Olympus") && error.to_string().contains("Europe/Berlin")
            );
        }
    }
}
