//! Numbers for people.
use std::time::Duration;

/// `0.5s`, `45s`, `4m32s`, `1h02m03s`: what a person would say, rounded to the nearest.
pub fn human_duration(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    if tenths < 100 {
        return format!("{}.{}s", tenths / 10, tenths % 10);
    }
    let seconds = (duration.as_millis() + 500) / 1000;
    let hours = seconds / 3600;
    let minutes = seconds / 60 % 60;
    let seconds = seconds % 60;
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds:02}s"),
        _ => format!("{hours}h{minutes:02}m{seconds:02}s"),
    }
}

/// `336,776`.
pub fn human_count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 window`, `2,000 windows`: of words that take an s.
pub fn number_of(count: u64, one: &str) -> String {
    format!("{} {one}{}", human_count(count), if count == 1 { "" } else { "s" })
}

/// `512 B`, `36.1 MB`: powers of 1000.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1000.0;
    let mut unit = 0;
    while amount >= 999.95 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (milliseconds, text) in [
            (0, "0.0s"),
            (49, "0.0s"),
            (50, "0.1s"),
            (2_349, "2.3s"),
            (9_949, "9.9s"),
            (9_950, "10s"),
            (45_400, "45s"),
            (59_500, "1m00s"),
            (272_000, "4m32s"),
            (3_599_499, "59m59s"),
            (3_599_500, "1h00m00s"),
            (3_723_000, "1h02m03s"),
            (360_000_000, "100h00m00s"),
        ] {
            assert_eq!(human_duration(Duration::from_millis(milliseconds)), text, "{milliseconds} ms");
        }
    }

    #[test]
    fn counts() {
        for (count, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (336_776, "336,776"), (1_234_567, "1,234,567")]
        {
            assert_eq!(human_count(count), text);
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2_000].map(|n| number_of(n, "window")), ["0 windows", "1 window", "2,000 windows"]);
    }

    #[test]
    fn bytes() {
        for (bytes, text) in [
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (36_100_000, "36.1 MB"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
        assert_eq!(human_bytes(u64::MAX), "18446.7 PB");
    }
}
