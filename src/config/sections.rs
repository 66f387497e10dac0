//! The sections of the configuration, as the rest of the program reads them.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::Roles;

/// The UDP port on which clients insist for calls.
const CALL_PORT: u16 = 2090;

/// `[server]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// The name shown to users.
    pub name: String,
    /// The directory of everything that is kept, relative to the current directory.
    pub data_dir: PathBuf,
}

/// `[chat]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chat {
    /// Where clients connect; at least one address. Port 0 picks a free one.
    pub listen: Vec<SocketAddr>,
}

/// `[voice]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Voice {
    /// Where clients bring their voice over TCP; none: no voice over TCP.
    pub listen_tcp: Vec<SocketAddr>,
    /// Where clients send their voice over UDP; none: no voice over UDP.
    pub listen_udp: Vec<SocketAddr>,
    /// The address of the voice service that clients are told; `None`: the one by which the client
    /// reached the chat service.
    pub advertise: Option<Ipv4Addr>,
    /// Whether clients that can be reached are led to UDP.
    pub probe_udp: bool,
    /// How voice goes between the two sides of a call.
    pub calls: CallMode,
    /// How a file goes from one user to another.
    pub files: FileMode,
}

impl Voice {
    /// Whether there is voice at all.
    pub fn is_on(&self) -> bool {
        !self.listen_tcp.is_empty() || !self.listen_udp.is_empty()
    }

    /// Where calls are carried, if they are: the IPv4 address at which room voice has UDP port 2090.
    pub fn call_address(&self) -> Option<Ipv4Addr> {
        let carries = |address: &SocketAddr| match address {
            SocketAddr::V4(address) => (address.port() == CALL_PORT).then(|| *address.ip()),
            SocketAddr::V6(_) => None,
        };
        if self.calls == CallMode::Relay { self.listen_udp.iter().find_map(carries) } else { None }
    }
}

/// The way of the voice of a call between two users.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CallMode {
    /// From client to client; each learns the other's address.
    #[default]
    Direct,
    /// Through the server.
    Relay,
    /// Nobody calls anybody.
    Off,
}

/// The way of a file between two users.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FileMode {
    /// Through the server, which keeps nothing.
    #[default]
    Relay,
    /// From client to client; the sender learns the receiver's address.
    Direct,
    /// Nobody sends anything.
    Off,
}

/// `[http]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Http {
    /// Where browsers and fresh clients connect; none: no listener.
    pub listen: Vec<SocketAddr>,
    /// What fresh clients are told about the chat server's address.
    pub location: Location,
}

/// The address of the chat server that clients are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Location {
    /// The IPv4 address by which the client reached the HTTP listener, with the chat port.
    #[default]
    Auto,
    /// Always this one.
    Fixed(SocketAddrV4),
}

/// `[control]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Control {
    /// The Unix socket; see [`Config::control_socket`](super::Config::control_socket).
    pub socket: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// The group that owns it; `None`: that of the daemon.
    pub group: Option<String>,
    /// Groups of the system whose members may look.
    pub observers: Vec<String>,
    /// Groups whose members may keep order.
    pub moderators: Vec<String>,
    /// Groups whose members may do everything, as root and the user of the daemon may.
    pub operators: Vec<String>,
}

/// `[limits]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections to chat, and as many to voice over TCP; fewer where too few files may be open.
    pub max_connections: Option<usize>,
    /// Connections from one address; of IPv6, from one /64.
    pub connections_per_address: Option<usize>,
    /// Packets per second of one connection.
    pub packets_per_second: Option<u32>,
    /// From the connection to the finished sign-in.
    pub login_timeout: Option<Duration>,
    /// How long a signed-in user may do nothing: send no packet, be in no room, have no call or file.
    pub idle_timeout: Option<Duration>,
    /// How long a signed-in client's machine may be unreachable.
    pub unresponsive_timeout: Option<Duration>,
    /// Bytes waiting for one client to read them.
    pub outbox: Option<usize>,
    /// Addresses without the limit per address.
    pub exempt: Vec<IpNet>,
}

/// `[spam]`: the limits of message-like acts of one user, over all his connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spam {
    /// Messages accepted within any [`Spam::window`]; at most [`Spam::MOST_MESSAGES`].
    pub messages_per_window: Option<u32>,
    /// The length of the sliding window, up to [`Spam::LONGEST`].
    pub window: Option<Duration>,
    /// The shortest time between two messages, up to [`Spam::LONGEST`].
    pub cooldown: Option<Duration>,
    /// Messages accepted within any 60 seconds; at most [`Spam::MOST_MESSAGES`].
    pub messages_per_minute: Option<u32>,
    /// The how manieth of the same text among one's last 10 messages is refused: 2 to 10.
    pub duplicate_messages: Option<u32>,
    /// Strikes, or stages if there are no strikes, fall by one each time that this has passed since
    /// the last mute without a violation; `None`: never.
    pub decay: Option<Duration>,
    /// Who is spared all this, and detectors, filters and slowmode, too.
    pub exempt_roles: Roles,
}

impl Spam {
    /// No limit at all; roles are as by default.
    pub fn off() -> Spam {
        Spam {
            messages_per_window: None,
            window: None,
            cooldown: None,
            messages_per_minute: None,
            duplicate_messages: None,
            ..Spam::default()
        }
    }

    /// The most messages that a limit may name, which bounds what is remembered of a user.
    pub const MOST_MESSAGES: u32 = 1000;
    /// The longest window and the longest cooldown.
    pub const LONGEST: Duration = Duration::from_secs(60 * 60);
    /// How many of one's last messages are compared.
    pub const COMPARED: u32 = 10;
}

/// `[moderation]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moderation {
    /// The how manieth warning of an account is a ban; `None`: none is.
    pub warnings_before_ban: Option<u32>,
    /// How long that ban is; `None`: for good.
    pub warning_ban: Option<Duration>,
}

impl Moderation {
    /// The most warnings that can be waited for: more are not kept of an account.
    pub const MOST_WARNINGS: u32 = 20;
}

/// `[rooms]`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rooms {
    /// Whether rooms rated A take only accounts of which staff know that they belong to adults.
    pub age_verified_for_adult: bool,
}

/// `[store]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    /// The directory of the database; see [`Config::store_path`](super::Config::store_path).
    pub path: PathBuf,
    /// Bytes of memory for the database's cache.
    pub cache: u64,
    /// How long what has happened stays in the activity feed, which has room for so many events as well;
    /// `None`: as long as there is room.
    pub history: Option<Duration>,
    /// How long messages wait for somebody who is away; `None`: as long as it takes.
    pub offline_messages: Option<Duration>,
}

/// `[backup]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Backup {
    /// The directory of the backups; `None`: none are made. See
    /// [`Config::backup_directory`](super::Config::backup_directory).
    pub directory: Option<PathBuf>,
    /// The time between two of them, at least a minute; `None`: none are made.
    pub every: Option<Duration>,
    /// How many stay; `None`: all.
    pub keep: Option<usize>,
}

/// `[log]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// A level, or tracing filter directives.
    pub level: String,
    /// How a line is written.
    pub format: LogFormat,
    /// The directory of the log files; `None`: no files. See
    /// [`Config::log_directory`](super::Config::log_directory).
    pub directory: Option<PathBuf>,
    /// The files of how many days stay; `None`: all.
    pub keep: Option<usize>,
    /// Bytes after which a file is followed by another of the same day; `None`: one file a day.
    pub max_size: Option<usize>,
    /// Bytes of all log files together, beyond which the oldest are deleted; `None`: no bound.
    pub total: Option<usize>,
}

/// `[health]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    /// Bytes free for the data directory below which the daemon warns; `None`: it never does.
    pub disk_warn: Option<usize>,
    /// Bytes free for the data directory below which the daemon is unwell; `None`: it never is.
    pub disk_degraded: Option<usize>,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}
