//! What a start needs: sockets, the store, what it holds.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use tokio::net::{TcpListener, UdpSocket};
use tracing::{info, warn};

use crate::config::Config;
use crate::hub::sanctions::Sanctions;
use crate::hub::staff::MAINTENANCE_SETTING;
use crate::hub::{CategoryEntry, GuardRecords, Room, doubt, rules};
use crate::model::Timestamp;
use crate::net::calls::{self, Channel};
use crate::net::{listener, voice};
use crate::store::{Change, Reader, Store, StoreError, StoreOptions};

pub(super) fn bind_all(listen: &[SocketAddr], key: &str) -> anyhow::Result<Vec<TcpListener>> {
    listen
        .iter()
        .map(|address| {
            listener::bind(*address).with_context(|| {
                format!("cannot listen on {address} ({key}); is another server running there?")
            })
        })
        .collect()
}

pub(super) fn bind_all_udp(listen: &[SocketAddr], key: &str) -> anyhow::Result<Vec<(SocketAddr, UdpSocket)>> {
    let bind = |address: &SocketAddr| {
        voice::bind_udp(*address).with_context(|| {
            format!("cannot receive on UDP {address} ({key}); is another server or client running here?")
        })
    };
    listen.iter().map(bind).collect()
}

/// The socket for the control datagrams of calls, if the server carries calls: beside room voice, one
/// port up, because the clients insist on it.
pub(super) fn bind_call_control(config: &Config) -> anyhow::Result<Option<UdpSocket>> {
    let Some(ip) = config.voice.call_address() else { return Ok(None) };
    let socket = calls::bind_control(ip).with_context(|| {
        let port = Channel::Control.port();
        format!("cannot use UDP {ip}:{port}, which voice.calls = \"relay\" needs; is it taken?")
    })?;
    Ok(Some(socket))
}

pub(super) fn addresses(listeners: &[TcpListener]) -> anyhow::Result<Vec<SocketAddr>> {
    listeners.iter().map(|listener| Ok(listener.local_addr()?)).collect()
}

/// The store, and what the hub begins with.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) categories: Vec<CategoryEntry>,
    pub(super) rooms: Vec<Room>,
    pub(super) sanctions: Sanctions,
    pub(super) maintenance: Option<String>,
    pub(super) records: GuardRecords,
}

pub(super) fn open_store(options: StoreOptions) -> anyhow::Result<Opened> {
    let path: PathBuf = options.path.clone();
    let (store, report) = Store::open(options)?;
    if report.rebuilt.is_some() || !report.repairs.is_empty() {
        warn!(path = %path.display(), id = %store.id(), "store repaired: {report}");
    } else {
        info!(path = %path.display(), id = %store.id(), "store open: {report}");
    }
    store
        .commit_blocking(Change::Seed { at: Timestamp::now() })
        .context("cannot write the first categories and rooms")?;
    let (categories, rooms) = load_rooms(&store.reader()).context("cannot read the rooms")?;
    let sanctions = load_sanctions(&store.reader()).context("cannot read bans and mutes")?;
    let settings = store.reader().settings().context("cannot read the settings")?;
    let maintenance = settings.into_iter().find(|(name, _)| name == MAINTENANCE_SETTING);
    let maintenance = maintenance.map(|(_, message)| message);
    if let Some(message) = &maintenance {
        warn!(message, "there is maintenance: only staff can sign in");
    }
    let records = load_guard(&store.reader()).context("cannot read what is held against people")?;
    Ok(Opened { store, categories, rooms, sanctions, maintenance, records })
}

fn load_sanctions(reader: &Reader) -> Result<Sanctions, StoreError> {
    const PAGE: usize = 1000;
    let now = Timestamp::now();
    let mut warnings = Vec::new();
    let mut after = None;
    loop {
        let page = reader.warnings_after(after, PAGE)?;
        let last = page.len() < PAGE;
        after = page.last().map(|(uid, _)| *uid);
        warnings.extend(page.into_iter().map(|(uid, warnings)| (uid, warnings.len())));
        if last {
            break;
        }
    }
    let mut sanctions = Sanctions::default();
    let bans = reader.bans()?.into_iter().filter(|ban| ban.holds(now));
    let mutes = reader.mutes()?.into_iter().filter(|(_, mute)| mute.holds(now));
    sanctions.load(mutes, bans, warnings);
    Ok(sanctions)
}

fn load_guard(reader: &Reader) -> Result<GuardRecords, StoreError> {
    Ok(GuardRecords {
        strikes: reader.strikes_after(None, usize::MAX)?,
        offences: reader.offences_after(None, usize::MAX)?,
        settings: reader.settings()?,
        rules: rules::read(reader)?,
    })
}

fn load_rooms(reader: &Reader) -> Result<(Vec<CategoryEntry>, Vec<Room>), StoreError> {
    let categories = reader.categories()?.into_iter();
    let categories =
        categories.map(|category| CategoryEntry { id: category.id, name: category.name }).collect();
    Ok((categories, doubt::read_rooms(reader, |_| true)?))
}
