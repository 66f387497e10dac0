//! Compares what was recorded with what was answered here.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::*;

/// Types whose payload is a list of records, or a single one.
const RECORDS: [u16; 12] =
    [0x019a, 0x019c, 0x0043, 0x0045, 0x0137, 0x014b, 0x014c, 0x0154, 0x0168, 0x01bd, 0x01c2, 0x046b];
/// The recorded server's own port for voice and files.
const SERVER_PORT: u16 = 34_463;

/// What is different, each in a few words.
pub(crate) fn compare(recorded: &[Packet], ours: &[Packet]) -> Vec<String> {
    let mut differences = Vec::new();
    let mut used = vec![false; ours.len()];
    let mut order = Vec::new();
    for packet in recorded {
        let free = |index: &usize| !used[*index] && ours[*index].kind == packet.kind;
        let equal = (0..ours.len()).filter(free).find(|index| ours[*index] == *packet);
        // A status is about somebody; that of another is not a match.
        let similar =
            |index: &usize| packet.kind != 0x0190 || ours[*index].payload[..4] == packet.payload[..4];
        match equal.or_else(|| (0..ours.len()).filter(free).find(similar)) {
            Some(index) => {
                used[index] = true;
                order.push(index);
                if ours[index] != *packet {
                    differences.extend(contents(packet, &ours[index]));
                }
            }
            None => differences.push(format!("without {}", name(packet))),
        }
    }
    if !order.is_sorted() {
        differences.push("order".to_owned());
    }
    let more = ours.iter().zip(used).filter(|(_, used)| !used);
    differences.extend(more.map(|(packet, _)| format!("with {}", name(packet))));
    differences
}

/// A packet in a few words: what matters for the table.
fn name(packet: &Packet) -> String {
    match packet.kind {
        0x0190 if packet.payload.len() == 8 => format!("0190 {} {}", packet.u32(0), packet.u32(4)),
        0x0190 => format!("0190 of {} bytes", packet.payload.len()),
        0x0064 => format!("0064 {:08x}", packet.u32(0)),
        kind => format!("{kind:04x}"),
    }
}

type Fields = BTreeMap<String, String>;

/// Records by what identifies them.
fn keyed(packet: &Packet) -> BTreeMap<String, Fields> {
    let id = |record: &[(String, String)]| {
        let key = ["uid", "id", "code", "catg", "eof"].into_iter().find(|key| !value(record, key).is_empty());
        key.map(|key| format!("{key}={}", value(record, key))).unwrap_or_default()
    };
    records(&packet.payload).into_iter().map(|record| (id(&record), record.into_iter().collect())).collect()
}

/// The switches and the entries of the two lists of an admin console.
fn admin_info(packet: &Packet) -> BTreeSet<String> {
    let mut list = "";
    let mut lines = BTreeSet::new();
    for line in packet.text(0).split(['\n', '\u{c8}']).filter(|line| !line.is_empty()) {
        let entry = match line {
            line if line.starts_with("bounce=") => {
                list = "bounce ";
                &line[7..]
            }
            line if line.starts_with("ban=") => {
                list = "ban ";
                &line[4..]
            }
            line => line,
        };
        lines.insert(format!("{list}{entry}"));
    }
    lines
}

/// How two packets of one type differ.
fn contents(recorded: &Packet, ours: &Packet) -> Vec<String> {
    let kind = format!("{:04x}", recorded.kind);
    match recorded.kind {
        // Digits of a challenge of one's own.
        0x0474 | 0xffb1 if ours.payload.len() == recorded.payload.len() => {
            let digits = ours.payload.iter().all(u8::is_ascii_digit);
            if digits { Vec::new() } else { vec![format!("{kind} digits")] }
        }
        kind_of_records if RECORDS.contains(&kind_of_records) => {
            let (recorded, ours) = (keyed(recorded), keyed(ours));
            let mut differences = Vec::new();
            for (id, fields) in &recorded {
                let Some(other) = ours.get(id) else {
                    differences.push(format!("{kind} without {id}"));
                    continue;
                };
                for (key, text) in fields {
                    match other.get(key) {
                        None => differences.push(format!("{kind} key {key} missing")),
                        Some(other) if other != text => differences.push(format!("{kind} key {key} differs")),
                        Some(_) => {}
                    }
                }
                let more = other.keys().filter(|key| !fields.contains_key(*key));
                differences.extend(more.map(|key| format!("{kind} key {key} added")));
            }
            let more = ours.keys().filter(|id| !recorded.contains_key(*id)).count();
            if more > 0 {
                differences.push(format!("{kind} with {more} more records"));
            }
            differences
        }
        // Ports of one's own, in the low halves of two u32.
        0x013b if recorded.payload[..8] == ours.payload[..8] && ours.payload.len() == 16 => {
            let same = |at| ours.u32(at) >> 16 == recorded.u32(at) >> 16 && ours.u32(at) & 0xffff != 0;
            if same(8) && same(12) { Vec::new() } else { vec![format!("{kind} ports")] }
        }
        0x01bc | 0x01c1 if [recorded.payload.len(), ours.payload.len()] == [10, 10] => {
            let port = |packet: &Packet| u16::from_be_bytes([packet.payload[8], packet.payload[9]]);
            let mut differences = Vec::new();
            if recorded.payload[..4] != ours.payload[..4] {
                differences.push(format!("{kind} peer"));
            }
            if recorded.payload[4..8] != ours.payload[4..8] {
                differences.push(format!("{kind} address"));
            }
            // Where the server itself takes a file, it does so on a port of its own.
            let own = recorded.kind == 0x01bc && port(recorded) == SERVER_PORT && port(ours) != 0;
            if port(recorded) != port(ours) && !own {
                differences.push(format!("{kind} port"));
            }
            differences
        }
        0x0384 => {
            let (recorded, ours) = (admin_info(recorded), admin_info(ours));
            let mut differences: Vec<String> =
                recorded.difference(&ours).map(|line| format!("{kind} without {line}")).collect();
            differences.extend(ours.difference(&recorded).map(|line| format!("{kind} with {line}")));
            if differences.is_empty() { vec![format!("{kind} order")] } else { differences }
        }
        0x015e if recorded.payload[..8] == ours.payload[..8] => vec![format!("{kind} text")],
        0x0064 if recorded.payload[..4] == ours.payload[..4] => vec![format!("{} text", name(recorded))],
        _ => {
            let length = recorded.payload.len().max(ours.payload.len());
            let byte = |packet: &Packet, at: usize| packet.payload.get(at).copied();
            (0..length)
                .filter(|at| byte(recorded, *at) != byte(ours, *at))
                .map(|at| format!("{} byte {at}", name(recorded)))
                .collect()
        }
    }
}
