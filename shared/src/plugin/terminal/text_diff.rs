//! Two texts as the lines that differ between them, with some around each.

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// The difference from one text to the other, line by line: `- ` before what goes, `+ ` before what comes, two spaces
/// before the context, `…` where more stays. Empty if they are the same.
pub fn lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let all = script(&old, &new);
    let near = |index: usize| {
        let window = index.saturating_sub(CONTEXT)..(index + CONTEXT + 1).min(all.len());
        all[window].iter().any(|(mark, _)| *mark != ' ')
    };
    let mut out: Vec<String> = Vec::new();
    for (index, (mark, line)) in all.iter().enumerate() {
        if near(index) {
            out.push(format!("{mark} {line}").trim_end().to_owned());
        } else if out.last().is_some_and(|last| last != "  …")
            || (index == 0 && all.iter().any(|(mark, _)| *mark != ' '))
        {
            out.push("  …".into());
        }
    }
    out.join("\n")
}

/// Every line of both texts with its mark, by the longest common subsequence.
fn script<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, line) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            common[i][j] =
                if line == other { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut all) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            all.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            all.push(('-', old[i]));
            i += 1;
        } else {
            all.push(('+', new[j]));
            j += 1;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_stand_among_their_neighbours() {
        insta::assert_snapshot!(lines("a\nb\nc\nd\ne\nf\ng\nh\ni", "a\nb\nc\nd\ne\nF\ng\nh\ni\nj"), @r"
          …
          c
          d
          e
        - f
        + F
          g
          h
          i
        + j
        ");
        assert_eq!(lines("a\nb", "a\nb"), "");
        assert_eq!(lines("", "a\nb"), "+ a\n+ b");
        assert_eq!(lines("a", ""), "- a");
    }
}
