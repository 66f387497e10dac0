//! One line of text that somebody types.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui_textarea::TextArea;

use crate::model::display_safe;

/// The most characters of a line.
const MOST: usize = 400;

/// A line with a cursor.
#[derive(Clone, Debug, Default)]
pub(super) struct Input(Box<TextArea<'static>>);

impl Input {
    /// A line that holds `text`, the cursor behind it.
    pub(super) fn new(text: &str) -> Input {
        let mut input = Input::default();
        input.paste(text);
        input
    }

    /// What stands in it.
    pub(super) fn text(&self) -> &str {
        self.0.lines().first().map_or("", String::as_str)
    }

    /// What stands before the cursor.
    pub(super) fn before_cursor(&self) -> String {
        self.text().chars().take(self.0.cursor().1).collect()
    }

    /// Puts `text` in place of everything.
    pub(super) fn set(&mut self, text: &str) {
        *self = Input::new(text);
    }

    /// Takes a key; whether the text has changed.
    pub(super) fn key(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.0.delete_line_by_head()
            }
            KeyCode::Char('j' | 'm') if key.modifiers.contains(KeyModifiers::CONTROL) => false,
            KeyCode::Char(_) if self.text().chars().count() >= MOST => false,
            KeyCode::Enter | KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down => false,
            _ => self.0.input(key),
        }
    }

    /// Inserts a text as if it were typed; line ends become spaces.
    pub(super) fn paste(&mut self, text: &str) {
        let free = MOST.saturating_sub(self.text().chars().count());
        let line: String =
            text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
        self.0.insert_str(display_safe(&line).chars().take(free).collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, code: KeyCode, modifiers: KeyModifiers) -> bool {
        input.key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn a_line_stays_one_line() {
        let mut input = Input::new("a\nb\x1b");
        assert_eq!(input.text(), "a b␛");
        assert!(!press(&mut input, KeyCode::Enter, KeyModifiers::NONE));
        assert!(!press(&mut input, KeyCode::Char('m'), KeyModifiers::CONTROL));
        assert!(press(&mut input, KeyCode::Backspace, KeyModifiers::NONE));
        assert_eq!((input.text(), input.before_cursor().as_str()), ("a b", "a b"));
        assert!(press(&mut input, KeyCode::Char('u'), KeyModifiers::CONTROL));
        input.paste(&"x".repeat(1000));
        assert!(!press(&mut input, KeyCode::Char('y'), KeyModifiers::NONE));
        assert_eq!(input.text().len(), MOST);
    }
}
