//! How the values of keys are read and printed: one codec per kind of value.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeValue;
use tracing_subscriber::EnvFilter;

use super::parse::nearest;
use super::{Location, LogFormat};
use crate::model::to_cp1252;

/// What is wrong with one key's value, and where; beside it what it says about listen addresses.
#[derive(Default)]
pub(super) struct Problems {
    pub(super) list: Vec<(Range<usize>, String)>,
    pub(super) addresses: Vec<(Range<usize>, SocketAddr)>,
}

type Value<'i> = Spanned<DeValue<'i>>;

/// A kind of value. `read` returns `None` after it has noted at least one problem.
pub(super) trait Codec<T> {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<T>;
    fn show(&self, value: &T) -> String;
}

impl Problems {
    fn note(&mut self, at: &Value<'_>, message: impl Into<String>) {
        self.list.push((at.span(), message.into()));
    }

    fn check<T>(&mut self, at: &Value<'_>, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.note(at, message)).ok()
    }

    fn text<'v>(&mut self, value: &'v Value<'_>, what: &str) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.note(value, format!("must be {what} in quotes, not {}", kind(value)));
        }
        text
    }
}

fn kind(value: &Value<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn integer(value: &Value<'_>) -> Option<i128> {
    let number = value.get_ref().as_integer()?;
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The name of the server.
pub(super) struct Name;

impl Name {
    const MAX: usize = 50;
}

impl Codec<String> for Name {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<String> {
        let name = problems.text(value, "a name")?;
        let in_charset = name.chars().count() == to_cp1252(name).len()
            && name.chars().all(|c| c == '?' || to_cp1252(c.encode_utf8(&mut [0; 4])) != b"?");
        let message = if name.trim().is_empty() {
            "must not be empty"
        } else if name.chars().count() > Self::MAX {
            "must have at most 50 characters"
        } else if name.chars().any(char::is_control) {
            "must not hold control characters"
        } else if !in_charset {
            "holds a character that the clients cannot show (they know Windows-1252 only)"
        } else {
            return Some(name.to_owned());
        };
        problems.note(value, message);
        None
    }

    fn show(&self, value: &String) -> String {
        quote(value)
    }
}

/// A path that must be there.
pub(super) struct RequiredPath;

impl Codec<PathBuf> for RequiredPath {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<PathBuf> {
        let path = OptionalPath.read(value, problems)?;
        if path.is_none() {
            problems.note(value, "must not be empty");
        }
        path
    }

    fn show(&self, value: &PathBuf) -> String {
        quote(&value.to_string_lossy())
    }
}

/// A path; nothing switches it off.
pub(super) struct OptionalPath;

impl Codec<Option<PathBuf>> for OptionalPath {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<PathBuf>> {
        let path = problems.text(value, "a path")?;
        if path.contains('\0') {
            problems.note(value, "a path cannot hold a NUL character");
            return None;
        }
        Some((!path.is_empty()).then(|| path.into()))
    }

    fn show(&self, value: &Option<PathBuf>) -> String {
        quote(&value.as_deref().unwrap_or("".as_ref()).to_string_lossy())
    }
}

/// A list of `"ip:port"`.
pub(super) struct Addresses {
    /// The fewest addresses that make sense.
    pub(super) at_least: usize,
}

impl Codec<Vec<SocketAddr>> for Addresses {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Vec<SocketAddr>> {
        let addresses = list(value, problems, "an address", |text| {
            text.parse::<SocketAddr>().map_err(|_| {
                format!("{} is not an address like \"0.0.0.0:5001\" or \"[::]:5001\"", quote(text))
            })
        })?;
        if addresses.len() < self.at_least {
            problems.note(value, "must name at least one address");
            return None;
        }
        let addresses: Vec<_> = addresses.into_iter().collect();
        problems.addresses.extend(addresses.iter().cloned());
        Some(addresses.into_iter().map(|(_, address)| address).collect())
    }

    fn show(&self, value: &Vec<SocketAddr>) -> String {
        show_list(value.iter().map(SocketAddr::to_string))
    }
}

/// A list of addresses and networks.
pub(super) struct Networks;

impl Codec<Vec<IpNet>> for Networks {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Vec<IpNet>> {
        let networks = list(value, problems, "an address or network", |text| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
                format!("{} is not an address or network like \"192.0.2.0/24\" or \"::1\"", quote(text))
            })
        })?;
        Some(networks.into_iter().map(|(_, network)| network).collect())
    }

    fn show(&self, value: &Vec<IpNet>) -> String {
        show_list(value.iter().map(|network| {
            if network.prefix_len() == network.max_prefix_len() {
                network.addr().to_string()
            } else {
                network.to_string()
            }
        }))
    }
}

/// Reads a list of texts; all bad elements are noted, each at its own place.
fn list<T>(
    value: &Value<'_>,
    problems: &mut Problems,
    what: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Option<Vec<(Range<usize>, T)>> {
    let Some(elements) = value.get_ref().as_array() else {
        problems.note(value, format!("must be a list in brackets, not {}", kind(value)));
        return None;
    };
    let read: Vec<Option<(Range<usize>, T)>> = elements
        .iter()
        .map(|element| {
            let text = problems.text(element, what)?;
            Some((element.span(), problems.check(element, read(text))?))
        })
        .collect();
    read.into_iter().collect()
}

fn show_list(elements: impl Iterator<Item = String>) -> String {
    let elements: Vec<String> = elements.map(|element| quote(&element)).collect();
    format!("[{}]", elements.join(", "))
}

/// `"auto"` or an IPv4 address with a port.
pub(super) struct LocationText;

impl Codec<Location> for LocationText {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Location> {
        let text = problems.text(value, "\"auto\" or an address")?;
        if text == "auto" {
            return Some(Location::Auto);
        }
        match text.parse::<SocketAddrV4>() {
            Ok(address) if address.port() != 0 && !address.ip().is_unspecified() => {
                Some(Location::Fixed(address))
            }
            _ => {
                problems.note(
                    value,
                    format!("{} is neither \"auto\" nor an IPv4 address that clients can reach, like \"192.0.2.10:5001\"", quote(text)),
                );
                None
            }
        }
    }

    fn show(&self, value: &Location) -> String {
        match value {
            Location::Auto => quote("auto"),
            Location::Fixed(address) => quote(&address.to_string()),
        }
    }
}

/// A count; zero switches it off.
pub(super) struct Count;

impl<T: TryFrom<i128> + Copy + std::fmt::Display> Codec<Option<T>> for Count {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<T>> {
        match integer(value) {
            Some(0) => Some(None),
            Some(number) if number < 0 => {
                problems.note(value, "must not be negative (0 switches it off)");
                None
            }
            Some(number) => {
                let number = T::try_from(number).map_err(|_| "is too large".to_owned());
                problems.check(value, number).map(Some)
            }
            None => {
                problems.note(value, format!("must be a whole number, not {}", kind(value)));
                None
            }
        }
    }

    fn show(&self, value: &Option<T>) -> String {
        value.map_or_else(|| "0".to_owned(), |number| number.to_string())
    }
}

/// A time; zero switches it off.
pub(super) struct Time;

/// Longer times would overflow the clocks that they are added to.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

impl Codec<Option<Duration>> for Time {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<Duration>> {
        if integer(value) == Some(0) {
            return Some(None);
        }
        let text = problems.text(value, "a time like \"30s\"")?;
        let time = match text.trim() {
            "0" => Ok(Duration::ZERO),
            text => humantime::parse_duration(text)
                .map_err(|_| format!("{} is not a time like \"750ms\", \"30s\" or \"5m\"", quote(text))),
        };
        let time = problems.check(value, time)?;
        if time > LONGEST {
            problems.note(value, "is longer than a hundred years (\"0s\" is never)");
            return None;
        }
        Some((!time.is_zero()).then_some(time))
    }

    fn show(&self, value: &Option<Duration>) -> String {
        const UNITS: [(u128, &str); 6] = [
            (86_400_000_000_000, "d"),
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
        ];
        let nanos = value.map_or(0, |time| time.as_nanos());
        if nanos == 0 {
            return quote("0s");
        }
        let (size, unit) =
            UNITS.into_iter().find(|(size, _)| nanos.is_multiple_of(*size)).unwrap_or((1, "ns"));
        quote(&format!("{}{unit}", nanos / size))
    }
}

/// A number of bytes; zero switches it off.
pub(super) struct Bytes;

impl Codec<Option<usize>> for Bytes {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<usize>> {
        let size = RequiredBytes { at_least: 0 }.read(value, problems)?;
        let size = problems.check(value, usize::try_from(size).map_err(|_| "is too large".to_owned()))?;
        Some((size > 0).then_some(size))
    }

    fn show(&self, value: &Option<usize>) -> String {
        RequiredBytes { at_least: 0 }.show(&value.map_or(0, |size| size as u64))
    }
}

/// A number of bytes that cannot be switched off.
pub(super) struct RequiredBytes {
    /// The fewest bytes that make sense.
    pub(super) at_least: u64,
}

const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

impl Codec<u64> for RequiredBytes {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<u64> {
        let size = match integer(value) {
            Some(number) => u64::try_from(number).map_err(|_| "is not a possible size".to_owned()),
            None => parse_size(problems.text(value, "a size like \"256KiB\"")?),
        };
        let size = problems.check(value, size)?;
        if size < self.at_least {
            problems.note(value, format!("must be at least {}", self.show(&self.at_least)));
            return None;
        }
        Some(size)
    }

    fn show(&self, value: &u64) -> String {
        let binary =
            SIZES.into_iter().take(3).find(|(_, factor)| *value > 0 && value.is_multiple_of(*factor));
        let (unit, factor) = binary.unwrap_or(("B", 1));
        quote(&format!("{}{unit}", value / factor))
    }
}

fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let factor = if unit.is_empty() {
        Some(1)
    } else {
        SIZES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| factor)
    };
    match (number.parse::<u64>(), factor) {
        (Ok(number), Some(factor)) => {
            number.checked_mul(factor).ok_or_else(|| format!("{} is too large", quote(text)))
        }
        _ => Err(format!("{} is not a size like \"256KiB\" (B, KB, MB, GB, KiB, MiB, GiB)", quote(text))),
    }
}

/// A log level or filter directives.
pub(super) struct Directives;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Codec<String> for Directives {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<String> {
        let text = problems.text(value, "a level like \"info\"")?;
        // The filter takes a misspelt level for a module of that name and then logs nothing else.
        let stray = text.split(',').map(str::trim).find(|part| {
            let bare = part.chars().all(|c| c.is_alphanumeric() || c == '_');
            bare && !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part))
        });
        if let Some(stray) = stray {
            let level = nearest(&stray.to_lowercase(), LEVELS.into_iter());
            problems.note(
                value,
                format!(
                    "{} is not a level; did you mean \"{level}\"? (for one module: \"module=debug\")",
                    quote(stray)
                ),
            );
            return None;
        }
        if let Err(error) = EnvFilter::builder().parse(text) {
            problems.note(value, format!("not a level or filter directives: {error}"));
            return None;
        }
        Some(text.to_owned())
    }

    fn show(&self, value: &String) -> String {
        quote(value)
    }
}

/// The format of log lines.
pub(super) struct Choice;

impl Codec<LogFormat> for Choice {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<LogFormat> {
        let text = problems.text(value, "\"text\" or \"json\"")?;
        match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => {
                problems.note(value, format!("must be \"text\" or \"json\", not {}", quote(text)));
                None
            }
        }
    }

    fn show(&self, value: &LogFormat) -> String {
        quote(match value {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        })
    }
}
