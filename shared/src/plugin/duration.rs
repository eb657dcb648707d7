//! Durations as Go and Kubernetes write them.

use std::time::Duration;

use crate::plugin::error::{Error, Result};

/// Go's durations as kubectl and Istio take them: `90s`, `5m`, `1h30m`, `500ms`, or bare seconds.
///
/// # Errors
/// A usage error that says what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let wrong = |why: &str| {
        Error::usage(format!("{text:?} is not a duration")).because(why).fix("write it as 90s, 5m or 1h30m")
    };
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong("its unit is none of ms, s, m and h")),
        };
        let number: f64 = number.parse().map_err(|_| wrong("a number is missing"))?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong("it is too long"))?;
        total = total.checked_add(part).ok_or_else(|| wrong("it is too long"))?;
        rest = next;
    }
    if text.is_empty() { Err(wrong("it is empty")) } else { Ok(total) }
}

/// The duration as a manifest holds it: `90s`, or `1500ms` if it is not a whole number of seconds.
pub fn write_duration(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_kubectl_reads_them() {
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("7"), Ok(Duration::from_secs(7)));
        assert!(parse_duration("5x").is_err() && parse_duration("").is_err() && parse_duration("s").is_err());
    }

    #[test]
    fn what_is_written_is_read_as_it_was_meant() {
        for duration in [Duration::from_secs(90), Duration::from_millis(1500), Duration::ZERO] {
            assert_eq!(parse_duration(&write_duration(duration)), Ok(duration));
        }
    }
}
