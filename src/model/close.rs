use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a connection ended. Counted, logged and, where the protocol can, told to the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The client closed the connection or said goodbye.
    ClientLeft,
    /// The same account signed in somewhere else.
    Replaced,
    /// Those who run the place ended the session.
    Kicked,
    /// The account or the address is banned.
    Banned,
    /// Only staff are let in at the moment.
    Maintenance,
    /// The client did not read what it was sent.
    SlowReader,
    /// No sign-in within the time allowed.
    LoginTimeout,
    /// Nothing was done for too long: no packet, in no room, no call or file.
    Idle,
    /// Too many wrong passwords.
    LoginTries,
    /// Bytes that are not the protocol.
    ProtocolError,
    /// The server holds as many connections as it may.
    ServerFull,
    /// The address holds as many connections as it may.
    AddressFull,
    /// The network failed.
    NetworkError,
    /// A change could not be stored because the store had too much to do.
    StoreBusy,
    /// The daemon is going down.
    Shutdown,
}

impl CloseReason {
    /// All reasons, in the order of their counters.
    pub const ALL: [CloseReason; 15] = [
        CloseReason::ClientLeft,
        CloseReason::Replaced,
        CloseReason::Kicked,
        CloseReason::Banned,
        CloseReason::Maintenance,
        CloseReason::SlowReader,
        CloseReason::LoginTimeout,
        CloseReason::Idle,
        CloseReason::LoginTries,
        CloseReason::ProtocolError,
        CloseReason::ServerFull,
        CloseReason::AddressFull,
        CloseReason::NetworkError,
        CloseReason::StoreBusy,
        CloseReason::Shutdown,
    ];

    /// The name in logs and counters.
    pub fn name(self) -> &'static str {
        match self {
            CloseReason::ClientLeft => "client_left",
            CloseReason::Replaced => "replaced",
            CloseReason::Kicked => "kicked",
            CloseReason::Banned => "banned",
            CloseReason::Maintenance => "maintenance",
            CloseReason::SlowReader => "slow_reader",
            CloseReason::LoginTimeout => "login_timeout",
            CloseReason::Idle => "idle",
            CloseReason::LoginTries => "login_tries",
            CloseReason::ProtocolError => "protocol_error",
            CloseReason::ServerFull => "server_full",
            CloseReason::AddressFull => "address_full",
            CloseReason::NetworkError => "network_error",
            CloseReason::StoreBusy => "store_busy",
            CloseReason::Shutdown => "shutdown",
        }
    }

    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            CloseReason::ClientLeft => "signed out",
            CloseReason::Replaced => "signed in elsewhere",
            CloseReason::Kicked => "kicked",
            CloseReason::Banned => "banned",
            CloseReason::Maintenance => "maintenance",
            CloseReason::SlowReader => "did not read",
            CloseReason::LoginTimeout => "no sign-in in time",
            CloseReason::Idle => "idle for too long",
            CloseReason::LoginTries => "too many wrong passwords",
            CloseReason::ProtocolError => "protocol error",
            CloseReason::ServerFull => "server full",
            CloseReason::AddressFull => "too many connections of the address",
            CloseReason::NetworkError => "connection lost",
            CloseReason::StoreBusy => "store too busy",
            CloseReason::Shutdown => "server stopped",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
