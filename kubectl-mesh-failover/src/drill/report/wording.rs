//! How figures are written, the same in every report.

use mesh_shared::plugin::text::grouped;

/// A count as a number to calculate with.
#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53, and no drill sends that many requests")]
pub fn real(count: u64) -> f64 {
    count as f64
}

/// Part of a whole as a fraction; 0 if the whole is 0.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { real(part) / real(whole) }
}

/// Part of a whole in percent: `100 %` only if it is all, `0 %` only if it is none.
pub fn percent_of(part: u64, whole: u64) -> String {
    let tenths = (share(part, whole) * 1000.0).floor();
    if part > 0 && tenths < 1.0 {
        return "under 0.1 %".into();
    }
    tenth(tenths / 10.0)
}

/// A fraction in percent, such as `99 %` or `99.5 %`.
pub fn percent(share: f64) -> String {
    tenth((share * 1000.0).round() / 10.0)
}

fn tenth(percent: f64) -> String {
    if percent.fract() == 0.0 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// Milliseconds as seconds or minutes, with as many digits as a person wants: `0.25 s`, `3.1 s`, `42 s`, `2 min 5 s`;
/// below ten milliseconds as milliseconds.
pub fn seconds(milliseconds: f64) -> String {
    let seconds = milliseconds / 1000.0;
    if milliseconds == 0.0 {
        "0 s".into()
    } else if milliseconds < 10.0 {
        latency(milliseconds)
    } else if seconds < 0.995 {
        format!("{seconds:.2} s")
    } else if seconds < 9.95 {
        format!("{} s", without_zero(&format!("{seconds:.1}")))
    } else if seconds < 59.5 {
        format!("{seconds:.0} s")
    } else {
        let whole = seconds.round();
        let (minutes, rest) = ((whole / 60.0).floor(), whole % 60.0);
        if rest < 1.0 { format!("{minutes:.0} min") } else { format!("{minutes:.0} min {rest:.0} s") }
    }
}

/// Such as `1.2 ms`, `12 ms` or `1,240 ms`.
pub fn latency(milliseconds: f64) -> String {
    format!("{} ms", latency_number(milliseconds))
}

/// The same without the unit.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and far below 2^64")]
pub fn latency_number(milliseconds: f64) -> String {
    if milliseconds < 9.95 {
        without_zero(&format!("{milliseconds:.1}")).to_owned()
    } else {
        grouped(milliseconds.round() as u64)
    }
}

fn without_zero(number: &str) -> &str {
    number.strip_suffix(".0").unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_and_none_are_said_only_of_all_and_none() {
        assert_eq!(percent_of(1930, 1930), "100 %");
        assert_eq!(percent_of(9999, 10_000), "99.9 %");
        assert_eq!(percent_of(1, 10_000), "under 0.1 %");
        assert_eq!(percent_of(0, 10), "0 %");
        assert_eq!(percent_of(0, 0), "0 %");
        assert_eq!(percent(0.99), "99 %");
        assert_eq!(percent(0.995), "99.5 %");
    }

    #[test]
    fn times_are_as_fine_as_a_person_wants_them() {
        let told = [0.0, 2.5, 250.0, 3_100.0, 10_000.0, 42_400.0, 125_000.0, 300_000.0].map(seconds);
        assert_eq!(told, ["0 s", "2.5 ms", "0.25 s", "3.1 s", "10 s", "42 s", "2 min 5 s", "5 min"]);
        assert_eq!([0.54, 4.0, 12.4, 1_240.0].map(latency), ["0.5 ms", "4 ms", "12 ms", "1,240 ms"]);
    }
}
