//! From a message to a call that runs.
//!
//! A [`Link`] is one connection as its calls see it. Every call is a task of its own, so that
//! answers come in any order and nothing waits for a command; how many are open is bounded.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::value::RawValue;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use vtrix_protocol::rpc::IncomingRequest;
use vtrix_protocol::{codes, exec as exec_wire, files as files_wire};

use super::error::RpcError;
use super::outbound::{Gone, Outbound};
use super::params::Params;
use super::{control, exec, files, frame};
use crate::contract;
use crate::state::Sandbox;

/// Messages above this, in bytes, are parsed away from the thread that serves everyone.
pub(super) const PARSE_ELSEWHERE: usize = 64 * 1024;

/// Of messages above this, in bytes, a connection has one at work and one read at a time.
const BIG: usize = 1024 * 1024;

/// Messages up to this, in bytes, are on no account: most calls are smaller, and how many are open
/// is bounded.
const FREE: usize = 4096;

/// Bytes of messages up to [`BIG`] that a connection has at work; the next is read when there is
/// room. All they wait for is the sandbox's own work, never that the peer reads.
const AT_WORK: usize = 16 * 1024 * 1024;

/// Answers with file content or a listing that a connection has in the making: each is in memory
/// until there is room to send it.
const HEAVY: usize = 4;

/// One connection, as its calls see it.
pub(super) struct Link {
    pub(super) sandbox: Rc<Sandbox>,
    pub(super) outbound: Outbound,
    /// The gateway's own connection.
    pub(super) control: bool,
    open: RefCell<HashMap<Box<str>, AbortHandle>>,
    idle: Notify,
    used: Cell<Instant>,
    big: Arc<Semaphore>,
    at_work: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
    stopped: Cell<bool>,
}

/// What a call came with.
pub(super) struct Body {
    text: Utf8Bytes,
    params: Option<Range<usize>>,
    _turn: Turn,
}

/// The right to hold a message in memory: its connection's and its sandbox's.
type Turn = Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>;

impl Body {
    /// Reads what a call needs of its parameters, away from the thread that serves everyone where
    /// there are many, and drops the message: what comes next may wait for the peer.
    pub(super) async fn read<T: Send + 'static>(
        self,
        read: impl FnOnce(&Params<'_>) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        if self.len() > PARSE_ELSEWHERE {
            files::elsewhere(move || read(&self.params()?)).await
        } else {
            read(&self.params()?)
        }
    }

    /// Reads the parameters.
    pub(super) fn params(&self) -> Result<Params<'_>, RpcError> {
        Params::new(self.params.clone().map(|range| &self.text.as_str()[range]))
    }

    /// Length of the whole message, in bytes.
    fn len(&self) -> usize {
        self.text.len()
    }
}

/// One call that runs.
pub(super) struct Call {
    pub(super) id: Box<RawValue>,
    pub(super) link: Rc<Link>,
}

/// Why a call did not answer by itself.
pub(super) enum Failure {
    Error(RpcError),
    Gone,
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        Self::Error(error)
    }
}

impl From<Gone> for Failure {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl Call {
    pub(super) fn sandbox(&self) -> &Rc<Sandbox> {
        &self.link.sandbox
    }

    pub(super) fn plain(&self) -> bool {
        self.link.sandbox.config.plain_wire
    }

    /// Answers with `result`, which is small.
    pub(super) async fn answer(&self, result: impl serde::Serialize) -> Result<(), Failure> {
        Ok(self.link.outbound.queue(frame::success(&self.id, result)?).await?)
    }

    /// Waits for the right to make a big answer.
    pub(super) async fn heavy(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.link.heavy).acquire_owned().await.map_err(|_| Failure::Gone)
    }
}

impl Link {
    pub(super) fn new(sandbox: Rc<Sandbox>, outbound: Outbound, control: bool) -> Rc<Self> {
        Rc::new(Self {
            sandbox,
            outbound,
            control,
            open: RefCell::default(),
            idle: Notify::new(),
            used: Cell::new(Instant::now()),
            big: Arc::new(Semaphore::new(1)),
            at_work: Arc::new(Semaphore::new(AT_WORK)),
            heavy: Arc::new(Semaphore::new(HEAVY)),
            stopped: Cell::new(false),
        })
    }

    /// Takes one text message. Returns when its call runs, or is refused.
    pub(super) async fn take(self: &Rc<Self>, text: Utf8Bytes) -> Result<(), Gone> {
        self.used.set(Instant::now());
        if !self.control {
            self.sandbox.hear();
        }
        let turn = self.turn(text.len()).await?;
        let head = if text.len() > PARSE_ELSEWHERE {
            let text = text.clone();
            let parsed = tokio::task::spawn_blocking(move || Head::parse(&text)).await;
            parsed.unwrap_or_else(|_| Err(Refusal::unreadable(codes::INTERNAL_ERROR, "failed")))
        } else {
            Head::parse(&text)
        };
        let Head { id, method, params } = match head {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(()),
            Err(refusal) => return self.refuse(refusal).await,
        };
        if let Err(error) = self.admit(&id) {
            return self.refuse(Refusal { id: Some(id), error }).await;
        }
        self.run(id, method, Body { text, params, _turn: turn });
        Ok(())
    }

    /// Waits for the right to hold a message of `length` bytes. The gateway's own are small, and
    /// wait for nobody.
    async fn turn(&self, length: usize) -> Result<Turn, Gone> {
        if length <= FREE || self.control {
            return Ok(None);
        }
        let (own, permits) =
            if length > BIG { (&self.big, 1) } else { (&self.at_work, length as u32) };
        let own = Arc::clone(own).acquire_many_owned(permits).await.map_err(|_| Gone)?;
        let shared = self.sandbox.hold(length).await.ok_or(Gone)?;
        Ok(Some((own, shared)))
    }

    /// Answers a message that became no call. The reader waits for room to do so, so that a peer
    /// that only sends nonsense and never reads is not read from either.
    pub(super) async fn refuse(&self, refusal: Refusal) -> Result<(), Gone> {
        let plain = self.sandbox.config.plain_wire;
        self.outbound.queue(frame::failure(refusal.id.as_deref(), refusal.error, plain)).await
    }

    fn admit(&self, id: &RawValue) -> Result<(), RpcError> {
        if self.sandbox.is_refusing() && !self.control {
            return Err(RpcError::stopping());
        }
        let open = self.open.borrow();
        if open.contains_key(id.get()) {
            return Err(RpcError::new(
                codes::INVALID_REQUEST,
                "`id` is that of a call that is still open",
            ));
        }
        if open.len() >= self.sandbox.config.calls {
            return Err(RpcError::new(
                codes::BUSY,
                format!("{} calls are open on this connection", open.len()),
            ));
        }
        Ok(())
    }

    fn run(self: &Rc<Self>, id: Box<RawValue>, method: String, body: Body) {
        let key: Box<str> = id.get().into();
        let call = Call { id, link: Rc::clone(self) };
        let link = Rc::clone(self);
        let own_key = key.clone();
        let task = tokio::task::spawn_local(async move {
            let work = AssertUnwindSafe(call_method(&call, &method, body)).catch_unwind();
            let failed = match work.await {
                Ok(Ok(()) | Err(Failure::Gone)) => None,
                Ok(Err(Failure::Error(error))) => Some(error),
                Err(_) => Some(RpcError::new(codes::INTERNAL_ERROR, "the call failed")),
            };
            if let Some(error) = failed {
                let _ =
                    link.outbound.queue(frame::failure(Some(&call.id), error, call.plain())).await;
            }
            link.open.borrow_mut().remove(&own_key);
            link.used.set(Instant::now());
            if link.open.borrow().is_empty() {
                link.idle.notify_waiters();
            }
        });
        self.open.borrow_mut().insert(key, task.abort_handle());
    }

    /// When a message last came or a call last ended.
    pub(super) fn used(&self) -> Instant {
        self.used.get()
    }

    /// Waits until no call is open.
    pub(super) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.open.borrow().is_empty() {
                return;
            }
            idle.await;
        }
    }

    /// Ends every open call. What they own (commands, rooms in the queue) goes with them.
    pub(super) fn abandon(&self) {
        if !self.stopped.replace(true) {
            for (_, task) in self.open.borrow_mut().drain() {
                task.abort();
            }
        }
    }
}

async fn call_method(call: &Call, method: &str, body: Body) -> Result<(), Failure> {
    match method {
        exec_wire::EXEC => exec::exec(call, body).await,
        exec_wire::EXEC_LOGS => exec::exec_logs(call, body).await,
        exec_wire::KILL => exec::kill(call, body).await,
        files_wire::READ => files::read(call, body).await,
        files_wire::WRITE => files::write(call, body).await,
        files_wire::EDIT => files::edit(call, body).await,
        files_wire::WRITE_BINARY => files::write_binary(call, body).await,
        files_wire::LIST_FILES => files::list_files(call, body).await,
        files_wire::STAT => files::stat(call, body).await,
        files_wire::READ_STREAM => files::read_stream(call, body).await,
        contract::CONTROL_ENV if call.link.control => control::env(call, &body).await,
        contract::CONTROL_ACTIVITY if call.link.control => control::activity(call).await,
        contract::CONTROL_REFUSE if call.link.control => control::refuse(call).await,
        contract::CONTROL_SHUTDOWN if call.link.control => control::shutdown(call).await,
        _ => Err(RpcError::new(codes::METHOD_NOT_FOUND, "no method of that name").into()),
    }
}

/// A message that becomes no call, and under which id that is said.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) id: Option<Box<RawValue>>,
    pub(super) error: RpcError,
}

impl Refusal {
    pub(super) fn unreadable(code: i32, message: &str) -> Self {
        Self { id: None, error: RpcError::new(code, message) }
    }
}

/// What a message asks for.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) id: Box<RawValue>,
    method: String,
    pub(super) params: Option<Range<usize>>,
}

impl Head {
    /// `None` for a notification: this wire has none from a client, so it means nothing.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let request = match IncomingRequest::read(text) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(None),
            Err(none) => {
                let error = RpcError::new(none.code, none.message);
                return Err(Refusal { id: none.id.map(ToOwned::to_owned), error });
            }
        };
        // Both are there in a request.
        let (Some(id), Some(method)) = (request.id, request.method) else { return Ok(None) };
        let params = request.params.map(|raw| {
            // The parameters are a part of the message; where, their address tells.
            let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
            start..start + raw.get().len()
        });
        Ok(Some(Self { id: id.to_owned(), method: method.into_owned(), params }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_any_order() {
        let text = " {\"params\": {\"a\": 1} , \"id\":7,\"method\":\"stat\",\"other\":[]}";
        let head = Head::parse(text).unwrap().unwrap();
        assert_eq!((head.id.get(), head.method.as_str()), ("7", "stat"));
        assert_eq!(&text[head.params.unwrap()], r#"{"a": 1}"#);
    }
}
