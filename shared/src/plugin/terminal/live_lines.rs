//! Lines that are drawn over themselves while something runs, and stay when it ends.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A fixed number of lines on a terminal. What they say is decided elsewhere.
#[derive(Debug)]
pub struct Lines {
    bars: Vec<ProgressBar>,
}

impl Lines {
    /// This many lines on stderr, empty at first. Only for a terminal that is [live](super::Terminal::live): elsewhere
    /// plain lines are printed.
    pub fn begin(count: usize) -> Self {
        Self::on(ProgressDrawTarget::stderr(), count)
    }

    fn on(target: ProgressDrawTarget, count: usize) -> Self {
        let all = MultiProgress::new();
        // Drawn only when every line is there: a line drawn alone would stay behind when the others push it up.
        all.set_draw_target(ProgressDrawTarget::hidden());
        // Cut at the terminal's width: a line that wraps would not be drawn over as a whole.
        let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bars = (0..count).map(|_| all.add(ProgressBar::new_spinner().with_style(style.clone()))).collect();
        all.set_draw_target(target);
        Self { bars }
    }

    /// Draws these over the previous ones, and leaves out those for which there is no room.
    pub fn draw(&self, lines: &[String]) {
        for (index, bar) in self.bars.iter().enumerate() {
            let line = lines.get(index).map_or("", String::as_str);
            if bar.message() != line {
                bar.set_message(line.to_owned());
            }
        }
    }

    /// Draws these for the last time and leaves them; lines without text are removed.
    pub fn end(self, lines: &[String]) {
        for (index, bar) in self.bars.into_iter().enumerate() {
            match lines.get(index).filter(|line| !line.is_empty()) {
                Some(line) => bar.finish_with_message(line.clone()),
                None => bar.finish_and_clear(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_what_was_drawn_last_and_what_has_no_room_is_left_out() {
        let lines = Lines::on(ProgressDrawTarget::hidden(), 2);
        lines.draw(&["baseline 1".into(), "note".into()]);
        lines.draw(&["baseline 2".into(), "fault 1".into(), "too many".into()]);
        assert_eq!(lines.bars.iter().map(ProgressBar::message).collect::<Vec<_>>(), ["baseline 2", "fault 1"]);
        let bars = lines.bars.clone();
        lines.end(&["baseline 3".into()]);
        assert_eq!(bars[0].message(), "baseline 3");
        assert!(bars.iter().all(ProgressBar::is_finished));
    }
}
