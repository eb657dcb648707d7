//! Which side answered, as far as is known while a drill runs: the phases are decided by this. The report looks at
//! everything again when all is known.

use super::phase::Origin;
use super::recording::{Reading, Sample};
use super::request_outcome::Outcome;

/// Learns which side gave which answers, from what the user's pattern matched and what the client's proxy counted.
#[derive(Debug)]
pub struct Origins {
    failed_region: String,
    /// Texts that were matched, and the evidence for the failed side and for elsewhere.
    answerers: Vec<(String, f64, f64)>,
    /// How often each text was seen since the last reading.
    seen: Vec<u32>,
    last: Option<Reading>,
}

/// Successes that were counted between two readings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Of the side that is failed.
    pub failed: u64,
    /// Of all others.
    pub elsewhere: u64,
}

impl Origins {
    /// A state in which only the failed region is known.
    pub fn new(failed_region: &str) -> Self {
        Self { failed_region: failed_region.to_owned(), answerers: Vec::new(), seen: Vec::new(), last: None }
    }

    /// The answerer's index in the table, if the request was answered and its answer matched.
    pub fn answerer(&mut self, sample: &Sample) -> Option<usize> {
        let text = sample.answered_by.as_deref().filter(|_| matches!(sample.outcome, Outcome::Answered(_)))?;
        let place = self.answerers.iter().position(|(known, ..)| known == text).unwrap_or_else(|| {
            self.answerers.push((text.to_owned(), 0.0, 0.0));
            self.seen.push(0);
            self.answerers.len() - 1
        });
        self.seen[place] += 1;
        Some(place)
    }

    /// Takes a reading. Returns what was counted since the one before.
    pub fn read(&mut self, reading: &Reading) -> Counted {
        let counted = self.last.as_ref().map(|last| self.between(last, reading)).unwrap_or_default();
        self.last = Some(reading.clone());
        let total = counted.failed + counted.elsewhere;
        let seen: Vec<u32> = self.seen.iter_mut().map(std::mem::take).collect();
        if total > 0 {
            // Counters of a few seconds are far below 2^52.
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            let share = counted.failed as f64 / total as f64;
            for ((_, failed, elsewhere), times) in self.answerers.iter_mut().zip(seen) {
                *failed += f64::from(times) * share;
                *elsewhere += f64::from(times) * (1.0 - share);
            }
        }
        counted
    }

    /// The side of each answerer; unknown if nothing was counted of it yet.
    pub fn table(&self) -> Vec<Origin> {
        let side = |(_, failed, elsewhere): &(String, f64, f64)| match failed.total_cmp(elsewhere) {
            std::cmp::Ordering::Greater => Origin::Failed,
            std::cmp::Ordering::Less => Origin::Elsewhere,
            std::cmp::Ordering::Equal => Origin::Unknown,
        };
        self.answerers.iter().map(side).collect()
    }

    fn between(&self, last: &Reading, now: &Reading) -> Counted {
        let mut counted = Counted::default();
        for (region, more) in now.successes_since(last) {
            if region == self.failed_region {
                counted.failed += more;
            } else {
                counted.elsewhere += more;
            }
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::drill::recording::HostCounters;

    fn reading(east: u64, west: u64) -> Reading {
        let host = |address: &str, region: &str, success| HostCounters {
            address: address.into(),
            region: region.into(),
            priority: 0,
            success,
            error: 0,
            ejected: false,
        };
        Reading { at: Duration::ZERO, hosts: vec![host("a", "east-1", east), host("b", "west-1", west)] }
    }

    fn sample(text: &str) -> Sample {
        Sample {
            number: 1,
            at: Duration::ZERO,
            took: Duration::ZERO,
            outcome: Outcome::Answered(200),
            answered_by: Some(text.into()),
        }
    }

    #[test]
    fn texts_belong_to_the_side_that_counted_meanwhile() {
        let mut origins = Origins::new("east-1");
        origins.read(&reading(0, 0));
        for _ in 0..10 {
            origins.answerer(&sample("v1"));
        }
        assert_eq!(origins.table(), [Origin::Unknown]);
        assert_eq!(origins.read(&reading(10, 0)), Counted { failed: 10, elsewhere: 0 });
        assert_eq!(origins.answerer(&sample("v2")), Some(1));
        origins.answerer(&sample("v1"));
        origins.read(&reading(11, 3));
        assert_eq!(origins.table(), [Origin::Failed, Origin::Elsewhere]);
    }

    #[test]
    fn a_counter_that_began_anew_counts_from_zero() {
        let mut origins = Origins::new("east-1");
        origins.read(&reading(500, 7));
        assert_eq!(origins.read(&reading(3, 9)), Counted { failed: 3, elsewhere: 2 });
    }

    #[test]
    fn a_failed_request_has_no_answerer() {
        let mut failed = sample("v1");
        failed.outcome = Outcome::Failed("x".into());
        assert_eq!(Origins::new("east-1").answerer(&failed), None);
    }
}
