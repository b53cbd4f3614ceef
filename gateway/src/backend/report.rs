//! What a starting executor says: one line of JSON, in bounded time and size.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use vtrix_executor::contract::{Part, Report};

/// Longest line: a step's name and the system's words.
const LONGEST: usize = 16 * 1024;
/// What of a log is told in an error: its end.
const TOLD: u64 = 600;

pub(super) enum Reported {
    Ready {
        pid: u32,
    },
    Failed {
        text: String,
        /// What failed, if a sandbox can go without it.
        part: Option<Part>,
    },
    /// No report; the text continues a sentence that begins with what was started.
    Silent(&'static str),
}

/// Reads the first report. The stream comes back: its end of file is the executor's lifeline.
pub(super) async fn read(mut stream: UnixStream, patience: Duration) -> (UnixStream, Reported) {
    let mut line = Vec::new();
    let reading = async {
        while !line.contains(&b'\n') {
            if line.len() > LONGEST {
                return Reported::Silent("reported something that is no report");
            }
            match stream.read_buf(&mut line).await {
                Ok(0) | Err(_) => return Reported::Silent("ended without a report"),
                Ok(_) => {}
            }
        }
        parse(&line)
    };
    let reported = tokio::time::timeout(patience, reading).await;
    (stream, reported.unwrap_or(Reported::Silent("did not get ready in time")))
}

/// The report that `bytes` begin with.
pub(super) fn parse(bytes: &[u8]) -> Reported {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice(line) {
        Ok(Report::Ready { pid }) => Reported::Ready { pid },
        Ok(Report::Failed { step, message, part }) => {
            Reported::Failed { text: format!("{step}: {message}"), part }
        }
        Err(_) => Reported::Silent("reported something that is no report"),
    }
}

/// The end of the log at `path`, to be added to a sentence. It holds the executor's own words,
/// never a command's.
pub(super) fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TOLD)))?;
        let mut bytes = Vec::new();
        file.take(TOLD).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim();
    if text.is_empty() { String::new() } else { format!(" (its log ends: {text})") }
}
