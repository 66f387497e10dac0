//! The audit log: entries are appended, never changed and never deleted.

use super::super::change::{Applied, CHANGES_MAX, Change};
use super::super::codec::Op;
use super::super::error::{Rejection, StoreError};
use super::super::index::{Pending, View};
use super::super::records;
use super::super::tables::{self, NEXT_AUDIT};
use super::super::types::AuditEntry;
use super::{Ops, Outcome, evaluate, take_number};

pub(super) fn append(view: View<'_>, entry: &AuditEntry, ops: &mut Ops) -> Outcome {
    entry.check()?;
    let seq = take_number(view, NEXT_AUDIT, 1, ops)?;
    ops.put(tables::audit_key(seq), records::write_audit(entry)?);
    Ok(Applied::Audited(seq))
}

/// Changes and what the log says about them, as one.
pub(super) fn together(
    view: View<'_>,
    changes: Vec<Change>,
    entries: &[AuditEntry],
    ops: &mut Ops,
) -> Outcome {
    if changes.len() > CHANGES_MAX || entries.len() > CHANGES_MAX {
        return Err(Rejection::TooManyChanges { limit: CHANGES_MAX }.into());
    }
    let mut made = Pending::new();
    let mut answers = Vec::with_capacity(changes.len());
    for change in changes {
        // A view has one layer of its own, which would be needed twice.
        if matches!(change, Change::WithAudit { .. }) {
            return Err(StoreError::Rejected(Rejection::Nested));
        }
        let mut part = Ops::default();
        answers.push(evaluate(view.with(&made), change, &mut part)?);
        made.extend(part.0.into_iter().map(|Op { key, value }| (key, value)));
    }
    if made.is_empty() {
        return Ok(Applied::Unchanged);
    }
    for entry in entries {
        let mut part = Ops::default();
        append(view.with(&made), entry, &mut part)?;
        made.extend(part.0.into_iter().map(|Op { key, value }| (key, value)));
    }
    ops.0.extend(made.into_iter().map(|(key, value)| Op { key, value }));
    Ok(Applied::All(answers))
}
