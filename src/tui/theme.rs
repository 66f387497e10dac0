//! Colours and glyphs. A colour never says anything alone: a glyph or a word says it too.

use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Serialize};

/// The looks of the console.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeName {
    /// For dark terminals.
    #[default]
    Dark,
    /// For light terminals.
    Light,
    /// Without colours: bold, dim, underlined, reversed.
    Mono,
    /// For weak eyes and bad screens.
    HighContrast,
    /// Blue and orange, for those who cannot tell red from green.
    ColorBlind,
}

impl ThemeName {
    /// All, in the order in which one goes through them.
    pub const ALL: [ThemeName; 5] =
        [ThemeName::Dark, ThemeName::Light, ThemeName::Mono, ThemeName::HighContrast, ThemeName::ColorBlind];

    /// As people type it.
    pub fn name(self) -> &'static str {
        match self {
            ThemeName::Dark => "dark",
            ThemeName::Light => "light",
            ThemeName::Mono => "mono",
            ThemeName::HighContrast => "high-contrast",
            ThemeName::ColorBlind => "color-blind",
        }
    }
}

/// How many colours the terminal has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Depth {
    /// None, or none wanted: attributes only.
    Mono,
    /// The eight of old, and their bright twins.
    Sixteen,
    /// The palette of 256.
    Indexed,
    /// All.
    True,
}

impl Depth {
    /// What the terminal named by `TERM` and `COLORTERM` can do.
    pub fn of_terminal(term: &str, colorterm: &str) -> Depth {
        if matches!(colorterm, "truecolor" | "24bit") || term.ends_with("-direct") {
            Depth::True
        } else if term.contains("256color") {
            Depth::Indexed
        } else if term.starts_with("vt") || term.ends_with("-m") || term.ends_with("-mono") {
            Depth::Mono
        } else {
            Depth::Sixteen
        }
    }
}

/// What a piece of text means, for its style.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    Text,
    Dim,
    Strong,
    Accent,
    Good,
    Warn,
    Bad,
}

/// One colour at each depth.
struct Ink((u8, u8, u8), u8, Color);

impl Ink {
    fn at(&self, depth: Depth) -> Color {
        let Ink((red, green, blue), index, named) = *self;
        match depth {
            Depth::True => Color::Rgb(red, green, blue),
            Depth::Indexed => Color::Indexed(index),
            Depth::Sixteen => named,
            Depth::Mono => Color::Reset,
        }
    }
}

/// The styles of everything on the screen, by what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Theme {
    pub(super) text: Style,
    pub(super) dim: Style,
    pub(super) strong: Style,
    pub(super) accent: Style,
    pub(super) selected: Style,
    pub(super) good: Style,
    pub(super) warn: Style,
    pub(super) bad: Style,
    pub(super) rule: Style,
    pub(super) badge: Style,
    /// The ground of a field of a dialog.
    pub(super) field: Style,
    pub(super) stale: Style,
}

impl Theme {
    pub(super) fn of(&self, tone: Tone) -> Style {
        match tone {
            Tone::Text => self.text,
            Tone::Dim => self.dim,
            Tone::Strong => self.strong,
            Tone::Accent => self.accent,
            Tone::Good => self.good,
            Tone::Warn => self.warn,
            Tone::Bad => self.bad,
        }
    }

    pub(super) fn new(name: ThemeName, depth: Depth) -> Theme {
        let plain = Style::new();
        let mono = Theme {
            text: plain,
            dim: plain.add_modifier(Modifier::DIM),
            strong: plain.add_modifier(Modifier::BOLD),
            accent: plain.add_modifier(Modifier::BOLD),
            selected: plain.add_modifier(Modifier::REVERSED),
            good: plain,
            warn: plain.add_modifier(Modifier::BOLD),
            bad: plain.add_modifier(Modifier::BOLD.union(Modifier::UNDERLINED)),
            rule: plain.add_modifier(Modifier::DIM),
            badge: plain.add_modifier(Modifier::REVERSED.union(Modifier::BOLD)),
            field: plain.add_modifier(Modifier::UNDERLINED),
            stale: plain.add_modifier(Modifier::DIM),
        };
        let [accent, dim, good, warn, bad, ground] = match name {
            _ if depth == Depth::Mono => return mono,
            ThemeName::Mono => return mono,
            ThemeName::Dark => [
                Ink((102, 194, 214), 80, Color::Cyan),
                Ink((132, 140, 152), 245, Color::DarkGray),
                Ink((140, 192, 122), 114, Color::Green),
                Ink((226, 180, 90), 179, Color::Yellow),
                Ink((236, 112, 99), 203, Color::LightRed),
                Ink((38, 56, 66), 236, Color::Blue),
            ],
            ThemeName::Light => [
                Ink((0, 92, 138), 24, Color::Blue),
                Ink((98, 104, 114), 242, Color::DarkGray),
                Ink((32, 110, 54), 22, Color::Green),
                Ink((146, 88, 0), 94, Color::Magenta),
                Ink((176, 28, 28), 124, Color::Red),
                Ink((212, 228, 238), 253, Color::White),
            ],
            ThemeName::HighContrast => [
                Ink((255, 255, 0), 226, Color::LightYellow),
                Ink((230, 230, 230), 255, Color::White),
                Ink((90, 255, 90), 83, Color::LightGreen),
                Ink((255, 215, 0), 220, Color::LightYellow),
                Ink((255, 130, 130), 210, Color::LightRed),
                Ink((255, 255, 255), 231, Color::White),
            ],
            ThemeName::ColorBlind => [
                Ink((86, 180, 233), 74, Color::LightBlue),
                Ink((140, 140, 150), 245, Color::DarkGray),
                Ink((86, 180, 233), 74, Color::LightBlue),
                Ink((240, 228, 66), 227, Color::LightYellow),
                Ink((230, 159, 0), 214, Color::Yellow),
                Ink((40, 52, 70), 236, Color::Blue),
            ],
        };
        let ink = |ink: &Ink| plain.fg(ink.at(depth));
        let selected = match (name, depth) {
            (ThemeName::HighContrast, _) => plain.fg(Color::Black).bg(ground.at(depth)),
            // Sixteen colours have no quiet background that all terminals show alike.
            (_, Depth::Sixteen) => plain.add_modifier(Modifier::REVERSED),
            _ => plain.bg(ground.at(depth)).add_modifier(Modifier::BOLD),
        };
        Theme {
            text: plain,
            dim: ink(&dim),
            strong: plain.add_modifier(Modifier::BOLD),
            accent: ink(&accent).add_modifier(Modifier::BOLD),
            selected,
            good: ink(&good),
            warn: ink(&warn),
            bad: ink(&bad).add_modifier(Modifier::BOLD),
            rule: ink(&dim),
            badge: ink(&warn).add_modifier(Modifier::REVERSED),
            field: plain.add_modifier(Modifier::UNDERLINED),
            stale: ink(&dim).add_modifier(Modifier::DIM),
        }
    }
}

/// The signs of the screen, in Unicode or in ASCII.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Glyphs {
    pub(super) ascii: bool,
    pub(super) more: &'static str,
    pub(super) line: &'static str,
    pub(super) bar: &'static str,
    pub(super) corners: [&'static str; 4],
    pub(super) dot: &'static str,
    pub(super) ring: &'static str,
    pub(super) up: &'static str,
    pub(super) down: &'static str,
    pub(super) cursor: &'static str,
    pub(super) mark: &'static str,
    pub(super) warning: &'static str,
    pub(super) notice: &'static str,
    pub(super) info: &'static str,
    pub(super) done: &'static str,
    pub(super) failed: &'static str,
    pub(super) arrow: &'static str,
    pub(super) separator: &'static str,
    pub(super) gap: &'static str,
    pub(super) levels: &'static [&'static str],
    pub(super) spinner: &'static [&'static str],
}

/// For terminals that show Unicode.
pub(super) const UNICODE: Glyphs = Glyphs {
    ascii: false,
    more: "…",
    line: "─",
    bar: "│",
    corners: ["╭", "╮", "╰", "╯"],
    dot: "●",
    ring: "○",
    up: "▲",
    down: "▼",
    cursor: "▌",
    mark: "◆",
    warning: "▲",
    notice: "◆",
    info: "·",
    done: "✓",
    failed: "✗",
    arrow: "→",
    separator: "·",
    gap: "·",
    levels: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"],
};

/// For all others.
pub(super) const ASCII: Glyphs = Glyphs {
    ascii: true,
    more: "~",
    line: "-",
    bar: "|",
    corners: ["+", "+", "+", "+"],
    dot: "*",
    ring: "o",
    up: "^",
    down: "v",
    cursor: ">",
    mark: "+",
    warning: "!",
    notice: "*",
    info: ".",
    done: "ok",
    failed: "X",
    arrow: "->",
    separator: "-",
    gap: ".",
    levels: &["_", ".", ":", "-", "=", "+", "%", "#"],
    spinner: &["|", "/", "-", "\\"],
};

/// Whether the locale of these variables, as the system looks at them, is one of UTF-8.
pub(super) fn is_utf8(lc_all: &str, lc_ctype: &str, lang: &str) -> bool {
    let locale = [lc_all, lc_ctype, lang].into_iter().find(|value| !value.is_empty()).unwrap_or("C");
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_known_by_their_names() {
        for (term, colorterm, depth) in [
            ("xterm-256color", "truecolor", Depth::True),
            ("tmux-256color", "", Depth::Indexed),
            ("xterm", "", Depth::Sixteen),
            ("linux", "", Depth::Sixteen),
            ("vt220", "", Depth::Mono),
        ] {
            assert_eq!(Depth::of_terminal(term, colorterm), depth, "{term}");
        }
        assert!(is_utf8("", "", "de_DE.UTF-8") && is_utf8("C.utf8", "", "C"));
        assert!(!is_utf8("C", "", "en_US.UTF-8") && !is_utf8("", "", ""));
    }

    #[test]
    fn no_colour_means_attributes_only() {
        for name in ThemeName::ALL {
            let theme = Theme::new(name, Depth::Mono);
            let coloured = |style: Style| style.fg.is_some() || style.bg.is_some();
            assert!(!coloured(theme.selected) && !coloured(theme.bad) && !coloured(theme.accent));
            assert!(theme.selected.add_modifier.contains(Modifier::REVERSED), "the selection is seen");
        }
    }

    #[test]
    fn the_colour_blind_get_no_red_and_no_green() {
        for depth in [Depth::Sixteen, Depth::Indexed, Depth::True] {
            let theme = Theme::new(ThemeName::ColorBlind, depth);
            for style in [theme.good, theme.warn, theme.bad, theme.accent] {
                let hue = style.fg.unwrap();
                assert!(!matches!(hue, Color::Red | Color::LightRed | Color::Green | Color::LightGreen));
            }
            assert_ne!(theme.good.fg, theme.bad.fg);
        }
    }

    #[test]
    fn every_ascii_glyph_is_ascii() {
        let glyphs = [ASCII.more, ASCII.line, ASCII.dot, ASCII.arrow, ASCII.done, ASCII.gap];
        assert!(glyphs.iter().chain(ASCII.levels).chain(ASCII.spinner).all(|glyph| glyph.is_ascii()));
    }
}
