//! Texts of many lines that one scrolls and searches: details, help, what was told before.

use super::format::wrap;
use super::theme::Tone;

/// A text, line by line in pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Doc {
    pub(super) lines: Vec<Vec<(String, Tone)>>,
    width: usize,
}

/// Columns of the names of values, and where there is little room.
const NAMES: (usize, usize) = (14, 10);
/// Columns from which there is room.
const ROOMY: usize = 50;

impl Doc {
    /// An empty text for so many columns.
    pub(super) fn new(width: u16) -> Doc {
        Doc { lines: Vec::new(), width: usize::from(width).max(10) }
    }

    pub(super) fn line(&mut self, pieces: impl Into<Vec<(String, Tone)>>) {
        self.lines.push(pieces.into());
    }

    /// A heading, with space above.
    pub(super) fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.line([]);
        }
        self.line([(text.to_owned(), Tone::Accent)]);
    }

    /// A value with its name.
    pub(super) fn field(&mut self, name: &str, value: &str, tone: Tone) {
        let names = if self.width < ROOMY { NAMES.1 } else { NAMES.0 };
        let columns = self.width.saturating_sub(names + 2);
        let lines = wrap(&crate::model::display_safe(value), columns);
        let mut label = name;
        for line in lines {
            self.line([(format!("{label:<names$}  "), Tone::Dim), (line, tone)]);
            label = "";
        }
    }

    /// A paragraph.
    pub(super) fn text(&mut self, text: &str, tone: Tone) {
        for line in wrap(text, self.width) {
            self.line([(line, tone)]);
        }
    }

    fn plain(&self, index: usize) -> String {
        self.lines
            .get(index)
            .map(|line| line.iter().map(|(text, _)| text.as_str()).collect())
            .unwrap_or_default()
    }

    /// The whole text without styles.
    pub(super) fn to_text(&self) -> String {
        let lines = (0..self.lines.len()).map(|index| self.plain(index).trim_end().to_owned() + "\n");
        lines.collect()
    }
}

/// Where one stands in a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Scroll {
    pub(super) top: usize,
    /// What is looked for.
    pub(super) find: String,
    /// The line where it was found.
    pub(super) hit: Option<usize>,
}

impl Scroll {
    /// Goes `delta` lines down, as far as there are any.
    pub(super) fn step(&mut self, delta: i64, lines: usize, height: u16) {
        let last = lines.saturating_sub(height.into());
        let to = i64::try_from(self.top).unwrap_or(i64::MAX).saturating_add(delta).max(0);
        self.top = usize::try_from(to).unwrap_or(last).min(last);
    }

    /// Goes to the next line with what is looked for, or the one before, all around. Whether there is one.
    pub(super) fn find_next(&mut self, doc: &Doc, back: bool, height: u16) -> bool {
        let needle = self.find.to_lowercase();
        let count = doc.lines.len();
        if needle.is_empty() || count == 0 {
            return false;
        }
        let from = self.hit.unwrap_or(if back { 0 } else { count - 1 });
        let found = (1..=count)
            .map(|step| if back { (from + count - step) % count } else { (from + step) % count })
            .find(|&line| doc.plain(line).to_lowercase().contains(&needle));
        self.hit = found;
        if let Some(line) = found {
            let height = usize::from(height).max(1);
            if line < self.top || line >= self.top + height {
                self.top = line.saturating_sub(height / 2).min(count.saturating_sub(height));
            }
        }
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_found_both_ways_around() {
        let mut doc = Doc::new(40);
        for word in ["one", "two", "three", "Two", "five"] {
            doc.text(word, Tone::Text);
        }
        let mut scroll = Scroll { find: "two".to_owned(), ..Scroll::default() };
        for (back, line) in [(false, 1), (false, 3), (false, 1), (true, 3)] {
            assert!(scroll.find_next(&doc, back, 2));
            assert_eq!(scroll.hit, Some(line));
            assert!((scroll.top..scroll.top + 2).contains(&line));
        }
        scroll.find = "six".to_owned();
        assert!(!scroll.find_next(&doc, false, 2));
        scroll.step(99, doc.lines.len(), 2);
        assert_eq!(scroll.top, 3);
        scroll.step(-99, doc.lines.len(), 2);
        assert_eq!(scroll.top, 0);
    }
}
