//! The gateway's own connection to an executor: one WebSocket, one call at a time.
//!
//! It carries [`CONTROL_HEADER`], which no client can send, and so has the `control.*` methods
//! beside the usual ones. It is opened for a purpose and dropped after it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use vtrix_executor::contract::{
    Activity, CONTROL_ACTIVITY, CONTROL_HEADER, CONTROL_REFUSE, CONTROL_SHUTDOWN,
};
use vtrix_protocol::limits::FOREIGN_MESSAGE;
use vtrix_protocol::rpc::{Incoming, Request};

use crate::backend::Stream;

/// An executor accepts at once; past this it is stuck.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How an idle executor answers a question about itself.
const ACTIVITY: Duration = Duration::from_secs(5);

/// Why a call to the executor has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// The executor's own words.
    #[error("{0}")]
    Refused(String),
    /// No answer in time.
    #[error("the executor did not answer in time")]
    Late,
    /// The connection ended first.
    #[error("the executor went away")]
    Gone,
}

/// A connection with the `control.*` methods.
pub(crate) struct Control {
    socket: WebSocketStream<Stream>,
    last_id: u64,
}

impl Control {
    /// Shakes hands over `stream`, in bounded time.
    pub(crate) async fn open(stream: Stream) -> Result<Self, ControlError> {
        let mut request =
            "ws://sandbox/connect".into_client_request().map_err(|_| ControlError::Gone)?;
        request.headers_mut().insert(CONTROL_HEADER, HeaderValue::from_static("1"));
        let config = WebSocketConfig::default()
            .max_message_size(Some(FOREIGN_MESSAGE))
            .max_frame_size(Some(FOREIGN_MESSAGE));
        let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        match tokio::time::timeout(HANDSHAKE, handshake).await {
            Ok(Ok((socket, _))) => Ok(Self { socket, last_id: 0 }),
            Ok(Err(WsError::Http(response))) => {
                Err(ControlError::Refused(format!("the executor answered {}", response.status())))
            }
            Ok(Err(_)) => Err(ControlError::Gone),
            Err(_) => Err(ControlError::Late),
        }
    }

    /// Calls `method` and waits `patience` for its answer; notifications on the way are passed over.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        params: &Value,
        patience: Duration,
    ) -> Result<Value, ControlError> {
        self.last_id += 1;
        let id = self.last_id;
        let frame = serde_json::to_string(&Request::new(id, method, params))
            .map_err(|error| ControlError::Refused(error.to_string()))?;
        let deadline = Instant::now() + patience;
        let answer = async {
            self.socket.send(Message::text(frame)).await.map_err(|_| ControlError::Gone)?;
            loop {
                let message = match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(ControlError::Gone),
                    Some(Ok(_)) => continue,
                };
                let Ok(frame) = serde_json::from_str::<Incoming<'_>>(&message) else { continue };
                if frame.id != Some(id) {
                    continue;
                }
                if let Some(error) = frame.error {
                    return Err(ControlError::Refused(error.message));
                }
                let result = frame.result.map(|raw| serde_json::from_str(raw.get()));
                return Ok(result.transpose().ok().flatten().unwrap_or(Value::Null));
            }
        };
        tokio::time::timeout_at(deadline, answer).await.unwrap_or(Err(ControlError::Late))
    }

    /// Asks how the sandbox is doing.
    pub(crate) async fn activity(&mut self) -> Result<Activity, ControlError> {
        let value = self
            .call(CONTROL_ACTIVITY, &Value::Object(serde_json::Map::default()), ACTIVITY)
            .await?;
        serde_json::from_value(value).map_err(|error| ControlError::Refused(error.to_string()))
    }

    /// Asks the executor to take no more calls of clients.
    pub(crate) async fn refuse(&mut self, patience: Duration) -> Result<(), ControlError> {
        let params = Value::Object(serde_json::Map::default());
        self.call(CONTROL_REFUSE, &params, patience).await.map(drop)
    }

    /// Asks the executor to end every command and itself. It ends this connection with that, which
    /// counts as the answer.
    pub(crate) async fn shutdown(&mut self, patience: Duration) -> Result<(), ControlError> {
        let params = Value::Object(serde_json::Map::default());
        match self.call(CONTROL_SHUTDOWN, &params, patience).await {
            Ok(_) | Err(ControlError::Gone) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
