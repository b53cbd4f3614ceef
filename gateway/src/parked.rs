//! A WebSocket to a sandbox that is not active, served by the gateway itself.
//!
//! It selects no extension and answers every call *not active*. Once the sandbox is active it
//! passes messages between client and executor, a slow path that only such a connection takes; when
//! that executor ends, so does the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream as Messages, StreamExt};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use vtrix_protocol::codes;
use vtrix_protocol::limits::RECEIVED_MESSAGE;
use vtrix_protocol::rpc::{ErrorObject, Failure, IncomingRequest, VERSION};

use crate::connect::bind;
use crate::incoming::{Incoming, Metered};
use crate::lifecycle::Status;
use crate::registry::{Registry, Sandbox};
use crate::tenant::{Grant, TokenLimits};

/// As often as the executor pings.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Answers that a client does not read wait no longer than this.
const BLOCKED: Duration = Duration::from_mins(1);
/// For the closing handshake.
const CLOSING: Duration = Duration::from_secs(2);
/// Between the first two tries to reach an executor that should be there; doubled from then on.
const REDIAL: Duration = Duration::from_millis(50);
/// Longest time between two tries.
const REDIAL_MOST: Duration = Duration::from_secs(1);
/// Pings of a client since it last took something.
const WAITING_PONGS: usize = 1000;
/// For all tries together.
const DIAL: Duration = Duration::from_secs(10);

/// What a client is told when its connection is closed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    code: CloseCode,
    reason: &'static str,
}

impl End {
    /// What it is about is not there any more.
    pub(crate) fn away(reason: &'static str) -> Self {
        Self { code: CloseCode::Away, reason }
    }

    /// Its token opens nothing any more.
    pub(crate) fn revoked() -> Self {
        Self { code: CloseCode::Policy, reason: "the token is no longer valid" }
    }

    fn too_large() -> Self {
        Self { code: CloseCode::Size, reason: "the message is too large" }
    }
}

/// Serves the WebSocket on `stream`, whose handshake is done, to its end, or until `over`.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    registry: Arc<Registry>,
    sandbox: &Sandbox,
    grant: Arc<Grant>,
    over: impl Future<Output = End>,
) {
    let limits = grant.limits;
    let config = config(limits.message);
    let heard = Arc::new(Incoming::default());
    heard.hear();
    let stream = Metered::new(stream, Arc::clone(&heard), grant);
    let mut client = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let end = tokio::select! {
        end = converse(&mut client, &registry, sandbox, limits, &heard) => end,
        end = over => Some(end),
    };
    if let Some(End { code, reason }) = end {
        let frame = CloseFrame { code, reason: reason.into() };
        let closing = async {
            // A client in the middle of a large message must be read from, or it never comes to
            // read why it is refused. What it still says is of no interest, frames or not.
            if client.close(Some(frame)).await.is_ok() {
                let mut sink = vec![0; 16 * 1024];
                while client.get_mut().read(&mut sink).await.is_ok_and(|read| read > 0) {}
            }
        };
        let _ = tokio::time::timeout(CLOSING, closing).await;
    }
}

fn config(most: usize) -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(most)).max_frame_size(Some(most))
}

/// Talks until the connection is over; how it ends is still to be told to the client.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut WebSocketStream<S>,
    registry: &Registry,
    sandbox: &Sandbox,
    limits: TokenLimits,
    heard: &Incoming,
) -> Option<End> {
    let deleted = || Some(End::away("the sandbox was deleted"));
    let plain = registry.config.plain_wire;
    let mut changes = sandbox.watch();
    let mut heartbeat = heartbeat();
    let mut used = Instant::now();
    loop {
        let status = changes.borrow_and_update().status;
        if status == Status::Destroying {
            return deleted();
        }
        if status.serves() {
            // Calls wait meanwhile, unread.
            let reached = tokio::select! {
                executor = patiently(|| dial(registry, sandbox, limits)) => Some(executor),
                _ = changes.wait_for(|record| !record.status.serves()) => None,
            };
            match reached {
                Some(Some(executor)) => return relay(client, executor, changes, heard).await,
                Some(None) => return Some(End::away("the sandbox takes no more connections")),
                None => heard.hear(),
            }
            continue;
        }
        tokio::select! {
            message = client.next() => {
                let answer = match message {
                    Some(Ok(Message::Text(text))) => not_active(&text, status, plain),
                    Some(Ok(Message::Binary(_))) => {
                        failure(None, codes::INVALID_REQUEST, "messages are text on this wire".into())
                    }
                    Some(Ok(Message::Close(_))) => {
                        // The reply waits for somebody to send it.
                        let _ = tokio::time::timeout(CLOSING, client.next()).await;
                        return None;
                    }
                    // Until its pong is on its way nothing more is read: pongs that wait are in
                    // memory.
                    Some(Ok(Message::Ping(payload))) => {
                        heard.settle_control(payload.len());
                        match tokio::time::timeout(BLOCKED, client.flush()).await {
                            Ok(Ok(())) => continue,
                            _ => return None,
                        }
                    }
                    None => return None,
                    Some(Err(error)) => return broken(&error),
                    Some(Ok(other)) => {
                        heard.settle_control(other.len());
                        continue;
                    }
                };
                used = Instant::now();
                if let Some(answer) = answer
                    && send(client, Message::text(answer)).await.is_err()
                {
                    return None;
                }
                heard.settle();
            }
            outcome = changes.changed() => {
                if outcome.is_err() {
                    return deleted();
                }
            }
            () = tokio::time::sleep_until(used + limits.idle) => {
                return Some(End::away("nothing was called for long"));
            }
            _ = heartbeat.tick() => {
                let alive = heard.was_heard();
                if !alive || send(client, Message::Ping(Vec::new().into())).await.is_err() {
                    return None;
                }
            }
        }
    }
}

fn heartbeat() -> tokio::time::Interval {
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat
}

async fn send<K: Sink<Message, Error = WsError> + Unpin>(
    to: &mut K,
    message: Message,
) -> Result<(), ()> {
    match tokio::time::timeout(BLOCKED, to.send(message)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}

/// How a connection ends whose client broke the rules; `None` where nothing can be said to it.
fn broken(error: &WsError) -> Option<End> {
    match error {
        WsError::Capacity(_) => Some(End::too_large()),
        WsError::Utf8(_) => {
            Some(End { code: CloseCode::Invalid, reason: "text messages are UTF-8" })
        }
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        WsError::Protocol(_) => {
            Some(End { code: CloseCode::Protocol, reason: "this is no WebSocket frame" })
        }
        _ => None,
    }
}

fn failure(id: Option<&RawValue>, code: i32, message: String) -> Option<String> {
    let error = ErrorObject { code: code.into(), message, data: None };
    serde_json::to_string(&Failure { jsonrpc: VERSION, id, error }).ok()
}

/// The answer to `text`, or `None` where it asks for none.
fn not_active(text: &str, status: Status, plain: bool) -> Option<String> {
    match IncomingRequest::read(text) {
        Err(none) => failure(none.id, none.code, none.message.into()),
        Ok(Some(request)) => {
            let code = codes::SANDBOX_NOT_ACTIVE;
            let code = if plain { codes::on_plain_wire(code) } else { code };
            let message = format!("the sandbox is not active: it is {}", status.word(plain));
            failure(request.id, code, message)
        }
        Ok(None) => None,
    }
}

type Executor = WebSocketStream<crate::backend::Stream>;

async fn dial(registry: &Registry, sandbox: &Sandbox, limits: TokenLimits) -> Option<Executor> {
    let stream = registry.backend.connect(&sandbox.id).await.ok()?;
    let mut request = "ws://sandbox/connect".into_client_request().ok()?;
    bind(request.headers_mut(), limits);
    // Of the executor everything is taken: it may say as much as its client asks for.
    let config = Some(config(RECEIVED_MESSAGE));
    let shaking = tokio_tungstenite::client_async_with_config(request, stream, config);
    Some(shaking.await.ok()?.0)
}

/// Tries until it succeeds, less and less often, for as long as a dial may take.
async fn patiently<T, F: Future<Output = Option<T>>>(mut dial: impl FnMut() -> F) -> Option<T> {
    let trying = async {
        let mut pause = REDIAL;
        loop {
            if let Some(reached) = dial().await {
                return reached;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(REDIAL_MOST);
        }
    };
    tokio::time::timeout(DIAL, trying).await.ok()
}

/// Passes messages until either side ends or the sandbox no longer serves.
async fn relay<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut WebSocketStream<S>,
    executor: Executor,
    mut changes: watch::Receiver<Arc<crate::record::Record>>,
    heard: &Incoming,
) -> Option<End> {
    heard.hear();
    // The client is not read from while the executor takes its time with a message: that silence
    // is not the client's.
    let passing = AtomicBool::new(false);
    // Whose pongs wait in memory: a client that takes nothing while it pings without end is no
    // slow one.
    let pings = AtomicUsize::new(0);
    let (mut to_client, mut from_client) = client.split();
    let (mut to_executor, mut from_executor) = executor.split();
    let up = async {
        let mut end = None;
        while let Some(message) = from_client.next().await {
            let message = match message {
                Ok(message) => message,
                Err(error) => {
                    end = broken(&error);
                    break;
                }
            };
            if matches!(message, Message::Ping(_))
                && pings.fetch_add(1, Ordering::Relaxed) >= WAITING_PONGS
            {
                end = Some(End { code: CloseCode::Policy, reason: "too many pings" });
                break;
            }
            let control = (!message.is_text() && !message.is_binary()).then_some(message.len());
            passing.store(true, Ordering::Relaxed);
            if pass(message, &mut to_executor).await.is_err() {
                break;
            }
            match control {
                Some(length) => heard.settle_control(length),
                None => heard.settle(),
            }
            heard.hear();
            passing.store(false, Ordering::Relaxed);
        }
        // Its commands get their grace from here on.
        let _ = tokio::time::timeout(CLOSING, to_executor.close()).await;
        end
    };
    let down = down(&mut from_executor, &mut to_client, heard, &passing, &pings);
    tokio::select! {
        end = up => end,
        end = down => end,
        _ = changes.wait_for(|record| !record.status.serves()) => Some(not_active_any_more()),
    }
}

fn not_active_any_more() -> End {
    End::away("the sandbox is not active")
}

/// The executor's own words where it says that the client broke the rules.
fn passed_on(frame: Option<CloseFrame>) -> End {
    match frame.map(|frame| frame.code) {
        Some(CloseCode::Size) => End::too_large(),
        _ => not_active_any_more(),
    }
}

async fn down(
    from: &mut (impl Messages<Item = Result<Message, WsError>> + Unpin),
    to: &mut (impl Sink<Message, Error = WsError> + Unpin),
    heard: &Incoming,
    passing: &AtomicBool,
    pings: &AtomicUsize,
) -> Option<End> {
    let mut heartbeat = heartbeat();
    loop {
        tokio::select! {
            message = from.next() => {
                let message = match message {
                    Some(Ok(Message::Close(frame))) => return Some(passed_on(frame)),
                    Some(Ok(message)) => message,
                    _ => return Some(not_active_any_more()),
                };
                if pass(message, to).await.is_err() {
                    return None;
                }
                pings.store(0, Ordering::Relaxed);
            }
            _ = heartbeat.tick() => {
                let alive = heard.was_heard() || passing.load(Ordering::Relaxed);
                if !alive || send(to, Message::Ping(Vec::new().into())).await.is_err() {
                    return None;
                }
                pings.store(0, Ordering::Relaxed);
            }
        }
    }
}

/// Each side's heartbeats are its own; a close ends the stream of messages by itself.
async fn pass(
    message: Message,
    to: &mut (impl Sink<Message, Error = WsError> + Unpin),
) -> Result<(), ()> {
    match message {
        Message::Text(_) | Message::Binary(_) => send(to, message).await,
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_answered_under_its_id() {
        let answer = |text| not_active(text, Status::Stopped, false);
        assert_eq!(
            answer(r#"{"jsonrpc":"2.0","method":"stat","params":{"path":"/"},"id":7}"#).as_deref(),
            Some(
                r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32009,"message":"the sandbox is not active: it is stopped"}}"#
            )
        );
        assert!(
            answer(r#"{"method":"stat","id":"x"}"#)
                .is_some_and(|text| text.contains(r#""id":"x""#))
        );
        assert_eq!(answer(r#"{"method":"stat"}"#), None);
        assert!(
            answer("nonsense")
                .is_some_and(|text| text.contains("-32700") && text.contains(r#""id":null"#))
        );
        assert!(answer("[]").is_some_and(|text| text.contains("-32600")));
        assert!(answer(r#"{"id":1}"#).is_some_and(|text| text.contains("-32600")));
    }

    #[test]
    fn the_plain_wire_has_no_code_of_ours() {
        let text =
            not_active(r#"{"method":"stat","id":1}"#, Status::Starting, true).expect("an answer");
        assert!(text.contains("-32000") && text.contains("creating"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_executor_that_is_there_in_a_moment_is_reached() {
        let mut tries = 0;
        let third = || {
            tries += 1;
            std::future::ready((tries == 3).then_some("reached"))
        };
        assert_eq!(patiently(third).await, Some("reached"));
        let begun = Instant::now();
        let mut tries = 0;
        let never = || {
            tries += 1;
            std::future::ready(None::<()>)
        };
        assert_eq!(patiently(never).await, None);
        assert!((5..20).contains(&tries), "{tries} tries");
        assert_eq!(begun.elapsed(), DIAL);
        assert_eq!(patiently(std::future::pending::<Option<()>>).await, None);
    }
}
