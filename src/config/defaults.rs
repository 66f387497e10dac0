//! What is in effect where the file says nothing; `config.toml` shows the same.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{Ipv4Net, Ipv6Net};

use super::{
    Backup, CallMode, Chat, Control, FileMode, Health, Http, Limits, Location, Log, LogFormat, Moderation,
    Server, Spam, Store, Voice,
};
use crate::model::Role;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Server {
    fn default() -> Server {
        Server { name: "Paltalk".into(), data_dir: "data".into() }
    }
}

impl Default for Chat {
    fn default() -> Chat {
        Chat { listen: vec![(Ipv4Addr::UNSPECIFIED, 5001).into()] }
    }
}

impl Default for Voice {
    fn default() -> Voice {
        let listen = vec![(Ipv4Addr::UNSPECIFIED, 2090).into()];
        Voice {
            listen_tcp: listen.clone(),
            listen_udp: listen,
            advertise: None,
            probe_udp: true,
            calls: CallMode::default(),
            files: FileMode::default(),
        }
    }
}

impl Default for Http {
    fn default() -> Http {
        Http { listen: vec![(Ipv4Addr::UNSPECIFIED, 8080).into()], location: Location::Auto }
    }
}

impl Default for Control {
    fn default() -> Control {
        Control {
            socket: "control.sock".into(),
            mode: 0o660,
            group: None,
            observers: Vec::new(),
            moderators: Vec::new(),
            operators: Vec::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_connections: Some(20_000),
            connections_per_address: Some(10),
            packets_per_second: Some(30),
            login_timeout: Some(Duration::from_secs(30)),
            idle_timeout: Some(Duration::from_secs(30 * 60)),
            unresponsive_timeout: Some(Duration::from_secs(5 * 60)),
            outbox: Some(256 << 10),
            exempt: vec![
                Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
                Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128).into(),
            ],
        }
    }
}

impl Default for Spam {
    fn default() -> Spam {
        Spam {
            messages_per_window: Some(5),
            window: Some(Duration::from_secs(10)),
            cooldown: Some(Duration::from_millis(750)),
            messages_per_minute: Some(30),
            duplicate_messages: Some(3),
            decay: None,
            exempt_roles: Role::ALL.into_iter().collect(),
        }
    }
}

impl Default for Moderation {
    fn default() -> Moderation {
        Moderation { warnings_before_ban: Some(3), warning_ban: Some(DAY * 7) }
    }
}

impl Default for Store {
    fn default() -> Store {
        Store {
            path: "store".into(),
            cache: 64 << 20,
            history: Some(DAY * 30),
            offline_messages: Some(DAY * 30),
        }
    }
}

impl Default for Backup {
    fn default() -> Backup {
        Backup { directory: None, every: Some(DAY), keep: Some(7) }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log {
            level: "info".into(),
            format: LogFormat::Text,
            directory: Some("logs".into()),
            keep: Some(30),
            max_size: Some(64 << 20),
            total: Some(1 << 30),
        }
    }
}

impl Default for Health {
    fn default() -> Health {
        Health { disk_warn: Some(2 << 30), disk_degraded: Some(512 << 20) }
    }
}
