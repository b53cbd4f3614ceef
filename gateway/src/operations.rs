//! What clients do to sandboxes: each operation checks, writes the transition, and sets its job
//! going.
//!
//! All of them return when accepted, except delete, which waits for the removal for a while. They
//! must be driven to their end once begun; the HTTP side runs each in a task of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vtrix_protocol::control::{Info, ListRequest, ListResponse, Pagination, Payload, Spec};

use crate::control::Control;
use crate::lifecycle::{Event, Status};
use crate::record::{Record, Timestamp, image_of};
use crate::refusal::Refusal;
use crate::registry::{Registry, Sandbox};
use crate::store::Change;

/// A page, where the request does not say.
const DEFAULT_LIMIT: u64 = 50;
/// Largest page.
const MAX_LIMIT: u64 = 1000;
/// How long a delete waits for the removal before it answers; the sandbox is gone either way.
const DELETE_WAIT: Duration = Duration::from_secs(30);
/// How long a stop waits for the executor to take no more calls. It is a message and its answer;
/// without them a call may still come through, and is told of the stop when it is over.
const REFUSAL_WAIT: Duration = Duration::from_millis(500);
/// Random bits in a name: enough that none is ever guessed or met twice.
const ID_BYTES: usize = 10;

/// A create that has been checked.
pub(crate) struct Create {
    pub(crate) namespace: String,
    pub(crate) user_id: String,
    pub(crate) spec: Option<Spec>,
    pub(crate) labels: Option<BTreeMap<String, String>>,
    pub(crate) payloads: Vec<Payload>,
    /// `None`: the server's default.
    pub(crate) ttl: Option<Duration>,
}

impl Registry {
    /// Accepts a new sandbox, unless its project has `most` already.
    pub(crate) async fn create(
        self: &Arc<Self>,
        create: Create,
        most: Option<usize>,
    ) -> Result<Info, Refusal> {
        let place = self.place(&create.namespace, most)?;
        let now = Timestamp::now();
        let record = Record {
            id: new_id()?,
            user_id: create.user_id,
            namespace: create.namespace,
            status: Status::Creating,
            image: image_of(create.spec.as_ref()),
            spec: create.spec,
            labels: create.labels,
            created_at: now,
            allocated_at: None,
            expire_at: now.plus(create.ttl.unwrap_or(self.config.default_ttl)),
            last_active_at: now,
            slot: place.slot,
            handle: None,
            message: None,
        };
        let mut changes = vec![Change::Put(record.clone())];
        if !create.payloads.is_empty() {
            changes.push(Change::Payloads(record.id.clone(), create.payloads.clone()));
        }
        self.store
            .write(changes)
            .await
            .map_err(|error| Refusal::unavailable(format!("records: {error}")))?;
        let sandbox = Sandbox::new(record);
        place.fill(Arc::clone(&sandbox));
        let info = sandbox.info(self.config.plain_wire);
        self.spawn_start(&sandbox, Some(create.payloads));
        Ok(info)
    }

    /// One page of the sandboxes of `namespace`.
    pub(crate) fn list(
        &self,
        namespace: &str,
        request: &ListRequest,
    ) -> Result<ListResponse, Refusal> {
        let plain = self.config.plain_wire;
        let limit = match request.limit {
            None | Some(0) => DEFAULT_LIMIT,
            Some(limit) => u64::try_from(limit)
                .map_err(|_| Refusal::field("limit", "must not be negative"))?
                .min(MAX_LIMIT),
        };
        let offset = u64::try_from(request.offset.unwrap_or(0))
            .map_err(|_| Refusal::field("offset", "must not be negative"))?;
        let wanted = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let (user_id, status) = (wanted(&request.user_id), wanted(&request.status));
        let mut found: Vec<(Arc<Record>, Arc<Sandbox>)> = self
            .all()
            .into_iter()
            .map(|sandbox| (sandbox.record(), sandbox))
            .filter(|(record, _)| {
                record.status != Status::Destroying
                    && record.namespace == namespace
                    && user_id.as_ref().is_none_or(|user_id| record.user_id == *user_id)
                    && status.as_ref().is_none_or(|status| record.status.word(plain) == status)
            })
            .collect();
        found.sort_by(|(a, _), (b, _)| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        let total = found.len() as u64;
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        let items: Vec<Info> = found
            .iter()
            .skip(skipped)
            .take(limit as usize)
            .map(|(_, sandbox)| sandbox.info(plain))
            .collect();
        let has_more = offset.saturating_add(items.len() as u64) < total;
        Ok(ListResponse { items, pagination: Pagination { total, limit, offset, has_more } })
    }

    pub(crate) async fn stop(self: &Arc<Self>, sandbox: &Arc<Sandbox>) -> Result<(), Refusal> {
        self.advance(sandbox, Event::Stop, |_| Ok(())).await?;
        self.refuse_calls(sandbox).await;
        self.spawn_stop(sandbox);
        Ok(())
    }

    pub(crate) async fn start(self: &Arc<Self>, sandbox: &Arc<Sandbox>) -> Result<(), Refusal> {
        self.advance(sandbox, Event::Start, |record| {
            record.message = None;
            Ok(())
        })
        .await?;
        self.spawn_start(sandbox, None);
        Ok(())
    }

    pub(crate) async fn restart(self: &Arc<Self>, sandbox: &Arc<Sandbox>) -> Result<(), Refusal> {
        self.advance(sandbox, Event::Restart, |record| {
            record.message = None;
            Ok(())
        })
        .await?;
        self.refuse_calls(sandbox).await;
        self.spawn_start(sandbox, None);
        Ok(())
    }

    /// No call that comes once the stop is accepted shall run.
    async fn refuse_calls(&self, sandbox: &Sandbox) {
        let asking = async {
            let Ok(stream) = self.backend.connect(&sandbox.id).await else { return };
            let Ok(mut control) = Control::open(stream).await else { return };
            let _ = control.refuse(REFUSAL_WAIT).await;
        };
        let _ = tokio::time::timeout(REFUSAL_WAIT, asking).await;
    }

    /// Moves the end of `sandbox` by `by`.
    pub(crate) async fn extend(&self, sandbox: &Sandbox, by: Duration) -> Result<(), Refusal> {
        let latest = Timestamp::now().plus(crate::config::LONGEST_TTL);
        self.amend(sandbox, |record| {
            let until = record.expire_at.plus(by);
            if until > latest {
                return Err(Refusal::bad("a sandbox lives ten years at most"));
            }
            record.expire_at = until;
            Ok(())
        })
        .await
    }

    /// Makes `sandbox` anew from another spec or image. What `spec` leaves empty stays.
    pub(crate) async fn update(
        self: &Arc<Self>,
        sandbox: &Arc<Sandbox>,
        spec: Option<Spec>,
        image: Option<String>,
    ) -> Result<(), Refusal> {
        self.advance(sandbox, Event::Update, |record| {
            let before = (record.spec.clone(), record.image.clone());
            if let Some(change) = spec {
                merge(record.spec.get_or_insert_default(), change);
            }
            if let Some(image) = image {
                record.spec.get_or_insert_default().image.clone_from(&image);
            }
            record.image = image_of(record.spec.as_ref());
            record.message = None;
            if before == (record.spec.clone(), record.image.clone()) {
                return Err(Refusal::bad("spec, image: nothing would change"));
            }
            Ok(())
        })
        .await?;
        self.refuse_calls(sandbox).await;
        self.spawn_start(sandbox, None);
        Ok(())
    }

    /// Applies `given` this time, or the stored payloads.
    pub(crate) async fn configure(
        self: &Arc<Self>,
        sandbox: &Arc<Sandbox>,
        given: Option<Vec<Payload>>,
    ) -> Result<(), Refusal> {
        self.advance(sandbox, Event::Configure, |record| {
            record.message = None;
            Ok(())
        })
        .await?;
        self.spawn_configure(sandbox, given);
        Ok(())
    }

    /// Removes `sandbox`. From the moment this is written it is gone for every client; this
    /// returns when nothing is left, or after a while.
    pub(crate) async fn delete(self: &Arc<Self>, sandbox: &Arc<Sandbox>) -> Result<(), Refusal> {
        self.advance(sandbox, Event::Delete, |_| Ok(())).await?;
        let (done, removed) = tokio::sync::oneshot::channel();
        let (registry, sandbox) = (Arc::clone(self), Arc::clone(sandbox));
        self.spawn(async move {
            let _ = done.send(registry.destroy(&sandbox).await);
        });
        match tokio::time::timeout(DELETE_WAIT, removed).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Refusal::internal("removing the sandbox panicked")),
            Err(_) => Ok(()),
        }
    }
}

fn merge(spec: &mut Spec, change: Spec) {
    let set = |field: &mut String, value: String| {
        if !value.is_empty() {
            *field = value;
        }
    };
    set(&mut spec.cpu, change.cpu);
    set(&mut spec.memory, change.memory);
    set(&mut spec.image, change.image);
    set(&mut spec.requests_cpu, change.requests_cpu);
    set(&mut spec.requests_memory, change.requests_memory);
}

/// A name that is also a host name and a directory's.
fn new_id() -> Result<String, Refusal> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = [0; ID_BYTES];
    getrandom::fill(&mut random).map_err(|error| Refusal::internal(error.to_string()))?;
    let mut id = String::from("sb-");
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in random {
        bits = bits << 8 | u32::from(byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            id.push(char::from(ALPHABET[(bits >> held & 31) as usize]));
        }
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_everywhere() {
        let (a, b) = (new_id().expect("random"), new_id().expect("random"));
        assert_ne!(a, b);
        assert_eq!(a.len(), 3 + 16);
        assert!(a.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
    }

    #[test]
    fn an_update_leaves_what_it_does_not_name() {
        let mut spec = Spec { cpu: "1".into(), memory: "1Gi".into(), ..Spec::default() };
        merge(&mut spec, Spec { cpu: "2".into(), ..Spec::default() });
        assert_eq!(spec, Spec { cpu: "2".into(), memory: "1Gi".into(), ..Spec::default() });
    }
}
