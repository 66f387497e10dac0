//! The forms of the audit log.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sled::IVec;

use super::super::codec;
use super::super::error::Corrupt;
use super::super::types::{AuditEntry, AuditRecord, AuditTarget};
use super::guard::AuthorForm;
use super::{STRANGE, V1, read_v1};
use crate::model::{Nickname, RoomId, RoomName, Timestamp, Uid};

// Variants are only appended.
#[derive(Serialize, Deserialize)]
pub(super) enum TargetForm {
    User { uid: u32, nickname: Nickname },
    Room { id: u32, name: RoomName },
    Network { address: IpAddr, bits: u8 },
    Other(String),
}

#[derive(Serialize, Deserialize)]
pub(super) struct AuditV1 {
    pub(super) at: u64,
    pub(super) actor: AuthorForm,
    pub(super) action: String,
    pub(super) target: Option<TargetForm>,
    pub(super) reason: String,
    pub(super) details: String,
}

pub(in super::super) fn write_audit(entry: &AuditEntry) -> Result<IVec, Corrupt> {
    codec::encode_value(
        V1,
        &AuditV1 {
            at: entry.at.0,
            actor: (&entry.actor).into(),
            action: entry.action.clone(),
            target: entry.target.clone().map(|target| match target {
                AuditTarget::User { uid, nickname } => TargetForm::User { uid: uid.0, nickname },
                AuditTarget::Room { id, name } => TargetForm::Room { id: id.0, name },
                AuditTarget::Network(net) => {
                    TargetForm::Network { address: net.addr(), bits: net.prefix_len() }
                }
                AuditTarget::Other(text) => TargetForm::Other(text),
            }),
            reason: entry.reason.clone(),
            details: entry.details.clone(),
        },
    )
}

pub(in super::super) fn read_audit(seq: u64, value: &[u8]) -> Result<AuditRecord, Corrupt> {
    let form: AuditV1 = read_v1(value)?;
    let target = match form.target {
        None => None,
        Some(TargetForm::User { uid, nickname }) => Some(AuditTarget::User { uid: Uid(uid), nickname }),
        Some(TargetForm::Room { id, name }) => Some(AuditTarget::Room { id: RoomId(id), name }),
        Some(TargetForm::Network { address, bits }) => {
            Some(AuditTarget::Network(IpNet::new(address, bits).map_err(|_| STRANGE)?))
        }
        Some(TargetForm::Other(text)) => Some(AuditTarget::Other(text)),
    };
    let entry = AuditEntry {
        at: Timestamp(form.at),
        actor: form.actor.into(),
        action: form.action,
        target,
        reason: form.reason,
        details: form.details,
    };
    entry.check().map_err(|_| STRANGE)?;
    Ok(AuditRecord { seq, entry })
}
