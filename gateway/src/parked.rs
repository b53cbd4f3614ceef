//! A WebSocket to a sandbox that is not active, served by the gateway itself.
//!
//! It selects no extension and answers every call *not active*. Once the sandbox is active, the
//! connection is as any other ([`crate::relay`]): between two messages of the client the executor
//! takes over, and when that ends, so does the connection. A message that is on its way by then is
//! waited for, and passed on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use vtrix_protocol::codes;
use vtrix_protocol::rpc::{ErrorObject, Failure, IncomingRequest, VERSION};

use crate::backend::{Running, Stream};
use crate::connect::reach;
use crate::incoming::{Incoming, Metered};
use crate::lifecycle::Status;
use crate::registry::{Registry, Sandbox};
use crate::relay::{Side, relay};
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

type Client = WebSocketStream<Metered<TcpStream>>;

/// How a conversation of the gateway's own goes on.
enum Next {
    /// It is over; this is still to be told to the client.
    End(Option<End>),
    /// The executor takes over, beginning with a message of the client's where one is read.
    Woken { executor: Side<Stream>, running: Running, message: Option<Message> },
}

/// Serves the WebSocket on `near`, whose handshake is done, to its end, or until `over`.
pub(crate) async fn serve(
    near: Side<TcpStream>,
    registry: Arc<Registry>,
    sandbox: &Sandbox,
    grant: Arc<Grant>,
    over: impl Future<Output = End>,
) {
    let limits = grant.limits;
    let config = config(limits.message);
    let heard = Arc::new(Incoming::default());
    heard.hear();
    let near = Metered::new(near, Arc::clone(&heard), grant);
    let mut client = WebSocketStream::from_raw_socket(near, Role::Server, Some(config)).await;
    tokio::pin!(over);
    let next = tokio::select! {
        next = converse(&mut client, &registry, sandbox, limits, &heard) => next,
        end = &mut over => Next::End(Some(end)),
    };
    match next {
        Next::End(None) => {}
        Next::End(Some(end)) => close(&mut client, end).await,
        Next::Woken { executor, running, message } => tokio::select! {
            () = wake(client, executor, running, message, &heard) => {}
            // Where one message ends and the next begins is not known any more.
            _ = over => {}
        },
    }
}

async fn close(client: &mut Client, End { code, reason }: End) {
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

/// Leaves the connection to the executor. Nothing of the client's is in the reader of messages now.
async fn wake(
    mut client: Client,
    mut executor: Side<Stream>,
    running: Running,
    message: Option<Message>,
    heard: &Incoming,
) {
    // Pongs that wait.
    if !matches!(tokio::time::timeout(BLOCKED, client.flush()).await, Ok(Ok(()))) {
        return;
    }
    if let Some(message) = message {
        let config = Some(config(message.len()));
        let mut to = WebSocketStream::from_raw_socket(executor.stream, Role::Client, config).await;
        if send(&mut to, message).await.is_err() {
            return;
        }
        executor.stream = to.into_inner();
    }
    heard.settle();
    relay(client.into_inner().into_side(), executor, running).await;
}

fn config(most: usize) -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(most)).max_frame_size(Some(most))
}

/// Talks until the connection is over, or the sandbox active.
async fn converse(
    client: &mut Client,
    registry: &Registry,
    sandbox: &Sandbox,
    limits: TokenLimits,
    heard: &Incoming,
) -> Next {
    let over = || Next::End(None);
    let deleted = || Next::End(Some(End::away("the sandbox was deleted")));
    let plain = registry.config.plain_wire;
    let mut changes = sandbox.watch();
    let mut heartbeat = heartbeat();
    let mut used = Instant::now();
    // What came last and is not answered.
    let mut message = None;
    loop {
        let status = changes.borrow_and_update().status;
        if status == Status::Destroying {
            return deleted();
        }
        if status.serves() && client.get_ref().is_between_messages() {
            // Calls wait meanwhile, unread.
            let reached = tokio::select! {
                reached = patiently(|| reach(registry, sandbox, limits)) => Some(reached),
                _ = changes.wait_for(|record| !record.status.serves()) => None,
            };
            match reached {
                Some(Some((executor, running))) => {
                    return Next::Woken { executor, running, message };
                }
                Some(None) => {
                    return Next::End(Some(End::away("the sandbox takes no more connections")));
                }
                None => heard.hear(),
            }
            continue;
        }
        if let Some(message) = message.take() {
            let answer = match message {
                Message::Text(text) => not_active(&text, status, plain),
                _ => failure(None, codes::INVALID_REQUEST, "messages are text on this wire".into()),
            };
            if let Some(answer) = answer
                && send(client, Message::text(answer)).await.is_err()
            {
                return over();
            }
            heard.settle();
        }
        tokio::select! {
            came = client.next() => {
                match came {
                    Some(Ok(call @ (Message::Text(_) | Message::Binary(_)))) => {
                        used = Instant::now();
                        message = Some(call);
                    }
                    Some(Ok(Message::Close(_))) => {
                        // The reply waits for somebody to send it.
                        let _ = tokio::time::timeout(CLOSING, client.next()).await;
                        return over();
                    }
                    // Until its pong is on its way nothing more is read: pongs that wait are in
                    // memory.
                    Some(Ok(Message::Ping(payload))) => {
                        heard.settle_control(payload.len());
                        match tokio::time::timeout(BLOCKED, client.flush()).await {
                            Ok(Ok(())) => {}
                            _ => return over(),
                        }
                    }
                    None => return over(),
                    Some(Err(error)) => return Next::End(broken(&error)),
                    Some(Ok(other)) => heard.settle_control(other.len()),
                }
            }
            outcome = changes.changed() => {
                if outcome.is_err() {
                    return deleted();
                }
            }
            () = tokio::time::sleep_until(used + limits.idle) => {
                return Next::End(Some(End::away("nothing was called for long")));
            }
            _ = heartbeat.tick() => {
                let alive = heard.was_heard();
                if !alive || send(client, Message::Ping(Vec::new().into())).await.is_err() {
                    return over();
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

async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    to: &mut WebSocketStream<S>,
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
