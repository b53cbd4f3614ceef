//! The methods that touch files: parameters in, results out.
//!
//! The work is done on threads that may block ([`crate::files`]), parameters included, since a
//! message may hold a whole file. What is large waits for its turn before it is made.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vtrix_protocol::codes;
use vtrix_protocol::files::{EditResult, WriteBinaryResult, WriteResult};
use vtrix_protocol::limits::{
    DEFAULT_READ_CHUNK, FOREIGN_MESSAGE, MAX_READ_CHUNK, RECEIVED_MESSAGE,
};

use super::dispatch::{Body, Call, Failure};
use super::error::RpcError;
use super::frame;
use super::params::Params;
use crate::files::open::Place;
use crate::files::stream::FileStream;
use crate::files::write::Replacement;
use crate::files::{edit as editing, list, read as reading, write as writing};

/// What surrounds the content in an answer, in bytes, besides the id.
const AROUND: usize = 256;

/// Smallest `max_message` with a meaning: below it not even an empty answer fits.
const LEAST_MESSAGE: u64 = 1024;

/// Bytes that `read_stream` reads at once where chunks are small, and how many chunks that makes
/// at most: a turn on another thread costs more than reading a few kilobytes.
const STRETCH: usize = 256 * 1024;
const CHUNKS: usize = 64;

/// Largest `offset` of a write, in bytes: a file's largest size on Linux, less the largest message.
const LARGEST_OFFSET: u64 = i64::MAX as u64 - RECEIVED_MESSAGE as u64;

/// What surrounds a chunk's base64 in its message, in bytes, besides the id.
const AROUND_CHUNK: usize = 192;

/// Runs `work` where it may block.
pub(super) async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
) -> Result<T, RpcError> {
    let failed = || RpcError::new(codes::INTERNAL_ERROR, "the call failed");
    tokio::task::spawn_blocking(work).await.map_err(|_| failed())?
}

/// Bytes that an answer's content may take.
fn budget(params: &Params<'_>, plain: bool, id: usize) -> Result<usize, RpcError> {
    let most = if plain { None } else { params.at_least("max_message", LEAST_MESSAGE)? };
    let most = most.map_or(FOREIGN_MESSAGE - 1, |most| most.min(RECEIVED_MESSAGE as u64) as usize);
    Ok(most.saturating_sub(AROUND + id))
}

/// `read`.
pub(super) async fn read(call: &Call, body: Body) -> Result<(), Failure> {
    answer_big(call, body, reading::read).await
}

/// `list_files`.
pub(super) async fn list_files(call: &Call, body: Body) -> Result<(), Failure> {
    answer_big(call, body, list::list).await
}

async fn answer_big<T: serde::Serialize>(
    call: &Call,
    body: Body,
    work: impl FnOnce(&Place, usize) -> Result<T, RpcError> + Send + 'static,
) -> Result<(), Failure> {
    let workdir = Arc::clone(&call.sandbox().workdir);
    let (id, plain) = (call.id.clone(), call.plain());
    let length = id.get().len();
    let (place, budget) = body
        .read(move |params| {
            Ok((Place::new(&workdir, &params.path("path")?), budget(params, plain, length)?))
        })
        .await?;
    let _turn = call.heavy().await?;
    let message = elsewhere(move || frame::success(&id, work(&place, budget)?)).await?;
    Ok(call.link.outbound.queue(message).await?)
}

/// `stat`.
pub(super) async fn stat(call: &Call, body: Body) -> Result<(), Failure> {
    let workdir = Arc::clone(&call.sandbox().workdir);
    let result =
        elsewhere(move || list::stat(&Place::new(&workdir, &body.params()?.path("path")?))).await?;
    call.answer(result).await
}

/// `write`.
pub(super) async fn write(call: &Call, body: Body) -> Result<(), Failure> {
    let workdir = Arc::clone(&call.sandbox().workdir);
    let bytes_written = elsewhere(move || {
        let params = body.params()?;
        let place = Place::new(&workdir, &params.path("path")?);
        let content = params.needed_text("content")?;
        let new = Replacement { content: content.as_bytes(), mode: None, instead_of: None };
        writing::replace(&place, &new)?;
        Ok(content.len() as u64)
    })
    .await?;
    call.answer(WriteResult { bytes_written }).await
}

/// `write_binary`.
pub(super) async fn write_binary(call: &Call, body: Body) -> Result<(), Failure> {
    let workdir = Arc::clone(&call.sandbox().workdir);
    let plain = call.plain();
    let result = elsewhere(move || {
        let params = body.params()?;
        let place = Place::new(&workdir, &params.path("path")?);
        let data = params.needed_text("data")?;
        let mode = params.whole("mode", 0, 0o7777)?.map(|mode| mode as u32);
        let offset = if plain { None } else { params.whole("offset", 0, LARGEST_OFFSET)? };
        let content = STANDARD
            .decode(data.as_bytes())
            .map_err(|_| RpcError::field("data", "must be base64 with padding"))?;
        match offset {
            Some(at) if at > 0 && mode.is_some() => {
                return Err(RpcError::field("mode", "belongs to a write at `offset` 0"));
            }
            Some(at) if at > 0 => writing::write_at(&place, &content, at)?,
            _ => writing::replace(
                &place,
                &Replacement { content: &content, mode, instead_of: None },
            )?,
        }
        Ok(WriteBinaryResult { bytes_written: content.len() as u64, offset })
    })
    .await?;
    call.answer(result).await
}

/// `edit`.
pub(super) async fn edit(call: &Call, body: Body) -> Result<(), Failure> {
    let workdir = Arc::clone(&call.sandbox().workdir);
    let _turn = call.sandbox().edits.lock().await;
    let path = elsewhere(move || {
        let params = body.params()?;
        let place = Place::new(&workdir, &params.path("path")?);
        let old = params.needed_text("old_text")?;
        let new = params.needed_text("new_text")?;
        if old.is_empty() {
            return Err(RpcError::field("old_text", "must not be empty"));
        }
        editing::edit(&place, &old, &new)?;
        Ok(place.shown())
    })
    .await?;
    call.answer(EditResult { message: format!("replaced 1 occurrence in {path}") }).await
}

/// `read_stream`.
pub(super) async fn read_stream(call: &Call, body: Body) -> Result<(), Failure> {
    let workdir = Arc::clone(&call.sandbox().workdir);
    let (place, chunk) = body
        .read(move |params| {
            let place = Place::new(&workdir, &params.path("path")?);
            Ok((place, params.at_least("chunk_size", 1)?.unwrap_or(DEFAULT_READ_CHUNK as u64)))
        })
        .await?;
    let chunk = chunk.min(MAX_READ_CHUNK as u64) as usize;
    let stretch = chunk * (STRETCH / chunk).clamp(1, CHUNKS);
    let around = AROUND_CHUNK + call.id.get().len();
    let mut file = elsewhere(move || FileStream::open(place)).await?;
    let mut buffer = Vec::new();
    let plain = call.plain();
    let mut sent = 0u64;
    loop {
        // Room first, so that a peer that does not read stops the reading of the file.
        let messages = stretch / chunk;
        let room = call.link.outbound.reserve(stretch / 3 * 4 + messages * around).await?;
        let id = call.id.clone();
        let batch;
        let at_end;
        (file, buffer, batch, at_end) = elsewhere(move || {
            file.next(&mut buffer, stretch)?;
            let offsets = (sent..).step_by(chunk).map(|offset| (!plain).then_some(offset));
            let parts = buffer.chunks(chunk).zip(offsets);
            let batch: Vec<_> =
                parts.map(|(part, offset)| frame::chunk(&id, part, offset)).collect();
            let at_end = buffer.len() < stretch;
            Ok((file, buffer, batch, at_end))
        })
        .await?;
        sent += buffer.len() as u64;
        call.link.outbound.send_all(room, batch);
        if at_end {
            break;
        }
    }
    let result = elsewhere(move || file.finish()).await?;
    call.answer(result).await
}
