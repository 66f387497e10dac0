//! The thresholds of the detectors, each with its range.

use std::time::Duration;

/// What the detectors go by. Every value can be changed at run time with [`Settings::set`]; the list
/// of [`Settings::values`] is also the form in which they are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whether similar messages are detected.
    pub flood: bool,
    /// The how manieth similar message is refused.
    pub flood_messages: u32,
    /// From how many percent on two messages are similar.
    pub flood_similarity: u32,
    /// In what time, in seconds.
    pub flood_seconds: u32,
    /// Whether links are counted.
    pub links: bool,
    /// Links that one message may hold.
    pub links_per_message: u32,
    /// Links that one user may send in a minute.
    pub links_per_minute: u32,
    /// Whether mere speed is detected. Off as shipped: ten short lines a minute are ordinary talk, and
    /// bursts are held back elsewhere.
    pub rapid: bool,
    /// Messages that one user may send in a minute.
    pub rapid_per_minute: u32,
    /// Whether offences mute by themselves; otherwise the message is refused and nothing else.
    pub mutes: bool,
    /// After how many days without another one a user's offences are forgotten; 0 is never.
    pub forget_days: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            flood: true,
            flood_messages: 4,
            flood_similarity: 85,
            flood_seconds: 60,
            links: true,
            links_per_message: 3,
            links_per_minute: 10,
            rapid: false,
            rapid_per_minute: 10,
            mutes: true,
            forget_days: 90,
        }
    }
}

/// One setting as staff see it.
struct Setting {
    name: &'static str,
    about: &'static str,
    kind: Kind,
}

enum Kind {
    Switch(fn(&mut Settings) -> &mut bool),
    /// With the lowest and the highest value.
    Number(u32, u32, fn(&mut Settings) -> &mut u32),
}

const SETTINGS: &[Setting] = &[
    Setting { name: "flood", about: "refuse similar messages", kind: Kind::Switch(|s| &mut s.flood) },
    Setting {
        name: "flood.messages",
        about: "which similar message is the first refused",
        kind: Kind::Number(2, 20, |s| &mut s.flood_messages),
    },
    Setting {
        name: "flood.similarity",
        about: "percent from which on messages are similar",
        kind: Kind::Number(50, 100, |s| &mut s.flood_similarity),
    },
    Setting {
        name: "flood.seconds",
        about: "how long a message is compared with later ones",
        kind: Kind::Number(5, 600, |s| &mut s.flood_seconds),
    },
    Setting { name: "links", about: "limit links", kind: Kind::Switch(|s| &mut s.links) },
    Setting {
        name: "links.per_message",
        about: "links in one message",
        kind: Kind::Number(0, 50, |s| &mut s.links_per_message),
    },
    Setting {
        name: "links.per_minute",
        about: "links of one user in a minute",
        kind: Kind::Number(1, 200, |s| &mut s.links_per_minute),
    },
    Setting { name: "rapid", about: "limit messages in a minute", kind: Kind::Switch(|s| &mut s.rapid) },
    Setting {
        name: "rapid.per_minute",
        about: "messages of one user in a minute",
        kind: Kind::Number(2, 60, |s| &mut s.rapid_per_minute),
    },
    Setting { name: "mutes", about: "mute for offences", kind: Kind::Switch(|s| &mut s.mutes) },
    Setting {
        name: "forget.days",
        about: "days after which offences are forgotten, 0 is never",
        kind: Kind::Number(0, 3650, |s| &mut s.forget_days),
    },
];

impl Settings {
    /// Changes one setting. The error is for whoever tried: it names the range, or the settings
    /// there are.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let value = value.trim();
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
            let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
            return Err(format!("There is no setting \"{name}\". There are: {}.", names.join(", ")));
        };
        match setting.kind {
            Kind::Switch(field) => {
                *field(self) = match value.to_ascii_lowercase().as_str() {
                    "on" | "true" | "yes" => true,
                    "off" | "false" | "no" => false,
                    _ => return Err(format!("{name} is on or off, not \"{value}\".")),
                };
            }
            Kind::Number(low, high, field) => {
                let number = value.parse().ok().filter(|number| (low..=high).contains(number));
                *field(self) = number
                    .ok_or_else(|| format!("{name} is a number from {low} to {high}, not \"{value}\"."))?;
            }
        }
        Ok(())
    }

    /// Every setting: its name, its value in a form that [`Settings::set`] takes, and what it is,
    /// with its range.
    pub fn values(&self) -> Vec<(&'static str, String, String)> {
        // Fields are reached by way of `&mut`.
        let mut copy = self.clone();
        let mut shown = |setting: &Setting| match setting.kind {
            Kind::Switch(field) => {
                let value = if *field(&mut copy) { "on" } else { "off" };
                (setting.name, value.to_owned(), format!("{} (on or off)", setting.about))
            }
            Kind::Number(low, high, field) => {
                let about = format!("{} ({low} to {high})", setting.about);
                (setting.name, field(&mut copy).to_string(), about)
            }
        };
        SETTINGS.iter().map(&mut shown).collect()
    }

    /// How long a message is compared with later ones.
    pub(super) fn flood_window(&self) -> Duration {
        Duration::from_secs(self.flood_seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_changed_within_its_range_and_no_further() {
        let mut settings = Settings::default();
        for setting in SETTINGS {
            let Kind::Number(low, high, field) = setting.kind else { continue };
            let before = *field(&mut settings);
            assert!((low..=high).contains(&before), "{}", setting.name);
            for outside in [low.checked_sub(1).map(|low| low.to_string()), Some((high + 1).to_string())] {
                let Some(outside) = outside else { continue };
                let error = settings.set(setting.name, &outside).unwrap_err();
                assert!(error.contains(&format!("from {low} to {high}")), "{error}");
                assert_eq!(*field(&mut settings), before);
            }
            for inside in [low, high] {
                settings.set(setting.name, &inside.to_string()).unwrap();
                assert_eq!(*field(&mut settings), inside, "{}", setting.name);
            }
        }
        settings.set("rapid", "ON").unwrap();
        assert!(settings.rapid);
        assert!(settings.set("flood", "maybe").unwrap_err().contains("on or off"));
        assert!(settings.set("flod", "on").unwrap_err().contains("flood.messages"));
    }

    #[test]
    fn values_can_be_read_back() {
        let mut settings = Settings::default();
        settings.set("flood.seconds", "90").unwrap();
        settings.set("links", "off").unwrap();
        let mut read = Settings::default();
        for (name, value, _) in settings.values() {
            read.set(name, &value).unwrap();
        }
        assert_eq!(read, settings);
        assert_eq!(settings.values().len(), SETTINGS.len());
    }

    #[test]
    fn as_shipped() {
        let shipped: Vec<_> = Settings::default()
            .values()
            .into_iter()
            .map(|(name, value, _)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            shipped.join(" "),
            "flood=on flood.messages=4 flood.similarity=85 flood.seconds=60 links=on links.per_message=3 \
             links.per_minute=10 rapid=off rapid.per_minute=10 mutes=on forget.days=90"
        );
    }
}
