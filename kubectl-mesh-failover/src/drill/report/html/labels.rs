//! Labels of moments above the picture: each at its moment, none overlapping.

use mesh_shared::plugin::text::shortened;

/// A placed label.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The text.
    pub text: String,
    /// Where the moment is.
    pub at: f64,
    /// Where the text begins.
    pub start: f64,
    /// Where it ends, by estimate.
    pub end: f64,
    /// Its row; 0 is next to the picture.
    pub lane: usize,
}

/// Gap between two labels in a row.
const GAP: f64 = 10.0;

/// Gap between a label and the line of its moment.
const ASIDE: f64 = 4.0;

/// Places labels for moments in chronological order between two edges; `letter` is the width of a letter.
///
/// A text is to the right of its moment, or to the left if it would leave the picture. From the last to the first, each
/// takes the lowest row in which it covers no other text, above those whose lines would otherwise cross it.
pub fn place(moments: &[(f64, &str)], left: f64, right: f64, letter: f64) -> Vec<Label> {
    let mut placed: Vec<Label> = Vec::new();
    for (at, text) in moments.iter().rev() {
        let text = fitting(text, right - left - ASIDE, letter);
        let width = width(&text, letter);
        let start = if at + ASIDE + width <= right { at + ASIDE } else { (at - ASIDE - width).max(left) };
        let end = start + width;
        let crossed =
            placed.iter().filter(|other| start < other.at && other.at < end).map(|other| other.lane + 1).max();
        let mut lane = crossed.unwrap_or(0);
        while placed.iter().any(|other| other.lane == lane && start < other.end + GAP && other.start < end + GAP) {
            lane += 1;
        }
        placed.push(Label { text, at: *at, start, end, lane });
    }
    placed.reverse();
    placed
}

/// Estimated width of a text.
pub fn width(text: &str, letter: f64) -> f64 {
    text.chars().map(|_| letter).sum()
}

/// The text, shortened to a width of at most `most`.
pub fn fitting(text: &str, most: f64, letter: f64) -> String {
    let mut letters = 0;
    let mut wide = letter;
    while wide + letter <= most && letters < 200 {
        wide += letter;
        letters += 1;
    }
    shortened(text, letters)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_close_together_stand_above_each_other() {
        let labels =
            place(&[(100.0, "fault accepted"), (104.0, "failed over"), (700.0, "failed back")], 50.0, 720.0, 6.0);
        assert_eq!(labels.iter().map(|label| label.lane).collect::<Vec<_>>(), [1, 0, 0]);
        assert!(labels[2].end < 700.0);
    }

    proptest! {
        #[test]
        fn no_label_covers_another_or_leaves_the_picture(
            mut moments in proptest::collection::vec((50.0_f64..700.0, "[a-z ]{0,140}"), 0..9)
        ) {
            moments.sort_by(|one, other| one.0.total_cmp(&other.0));
            let moments: Vec<(f64, &str)> = moments.iter().map(|(at, text)| (*at, text.as_str())).collect();
            let labels = place(&moments, 50.0, 700.0, 6.0);
            for (index, one) in labels.iter().enumerate() {
                prop_assert!(one.start >= 50.0 && one.end <= 700.0 + ASIDE);
                for other in labels.iter().skip(index + 1).filter(|other| other.lane == one.lane) {
                    prop_assert!(one.end <= other.start || other.end <= one.start);
                }
            }
        }
    }
}
